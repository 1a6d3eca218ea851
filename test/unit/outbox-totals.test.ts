import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeManager, message, openViewer } from "./support/manager.ts";

describe("what waits in all outboxes together", () => {
  it("is the sum over the connections, whatever was sent, was full, drained or closed", () => {
    const step = fc.record({
      kind: fc.constantFrom("publish", "tell", "fill", "drain", "flush", "close", "gone", "open"),
      which: fc.nat({ max: 4 }),
      times: fc.integer({ min: 1, max: 30 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { manager } = makeManager({ maxQueueSize: 50, maxQueueBytes: 8 * 1024, maxTotalQueueBytes: 16 * 1024 });
        const viewers = [0, 1, 2, 3, 4].map((index) =>
          openViewer(manager, { clientId: `v${index}`, topics: ["queue:a"] }),
        );
        for (const { kind, which, times } of steps) {
          const viewer = viewers[which];
          if (!viewer) continue;
          const { socket, connection } = viewer;
          if (kind === "publish")
            for (let count = 0; count < times; count += 1)
              manager.publish(message("task_added", "x".repeat(99)), ["queue:a"]);
          if (kind === "tell")
            for (let count = 0; count < times; count += 1)
              manager.notify({ type: "news" }, { clientId: connection.clientId });
          if (kind === "fill") socket.isFull = true;
          if (kind === "drain") {
            socket.isFull = false;
            connection.drained();
          }
          if (kind === "flush") manager.flush();
          if (kind === "close") manager.disconnect(connection.clientId);
          if (kind === "gone") manager.remove(connection);
          if (kind === "open") viewers[which] = openViewer(manager, { clientId: `v${which}`, topics: ["queue:a"] });
          const sum = { messages: 0, bytes: 0 };
          for (const { outbox } of manager.connections) {
            sum.messages += outbox.messages;
            sum.bytes += outbox.bytes;
          }
          expect({ kind, ...manager.outboxes }).toEqual({ kind, ...sum });
        }
      }),
    );
  });
});
