import { expectTypeOf, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import type { MessageOf, SnapshotContent } from "../../src/client/index.ts";
import { BullcastClient } from "../../src/client/index.ts";

test("a listener to one type knows what the protocol says of its messages", () => {
  const client = new BullcastClient({ url: "ws://127.0.0.1:1/ws", WebSocket });
  onTestFinished(() => client.close());
  client.on("task_progress", ({ content, meta }) => {
    expectTypeOf(content).toBeUnknown();
    expectTypeOf(meta.queue).toBeString();
    expectTypeOf(meta.task_id).toBeString();
    expectTypeOf(meta.name).toEqualTypeOf<string | null>();
    expectTypeOf(meta.attempt).toEqualTypeOf<number | null>();
    expectTypeOf(meta.cursor).toEqualTypeOf<string | undefined>();
    // A client must ignore fields it does not know, but may look.
    expectTypeOf(meta.of_a_later_version).toBeUnknown();
  });
  client.on("task_retrying", ({ content, meta }) => {
    expectTypeOf(content).toEqualTypeOf<string | null>();
    expectTypeOf(meta.retry_at).toBeString();
  });
  client.on("task_failed", ({ content }) => expectTypeOf(content).toEqualTypeOf<string | null>());
  client.on("task_delayed", ({ content }) => expectTypeOf(content).toBeString());
  client.on("queue_cleaned", ({ content, meta }) => {
    expectTypeOf(content).toEqualTypeOf<number | null>();
    expectTypeOf(meta.cursor).toBeString();
  });
  client.on("logs", ({ content, meta }) => {
    expectTypeOf(content).toEqualTypeOf<string | null>();
    // A line of a channel may be of no job.
    expectTypeOf(meta.task_id).toEqualTypeOf<string | undefined>();
    expectTypeOf(meta.level).toEqualTypeOf<string | null>();
  });
  client.on("snapshot", ({ content, meta }) => {
    expectTypeOf(content).toEqualTypeOf<SnapshotContent>();
    expectTypeOf(meta.task_id).toBeString();
  });
  client.on("gap", ({ content, meta }) => {
    expectTypeOf(content.missed).toEqualTypeOf<number | null>();
    expectTypeOf(meta.queue).toEqualTypeOf<string | null>();
  });
  client.on("connected", ({ content }) => expectTypeOf(content.client_id).toBeString());
  client.on("subscribed", ({ content }) => expectTypeOf(content.cursors).toEqualTypeOf<Record<string, string>>());
});

test("a message of the application's own type may hold anything", () => {
  const client = new BullcastClient({ url: "ws://127.0.0.1:1/ws", WebSocket });
  onTestFinished(() => client.close());
  client.on("greeting", ({ content, meta }) => {
    expectTypeOf(content).toBeUnknown();
    expectTypeOf(meta).toEqualTypeOf<Record<string, unknown>>();
  });
  expectTypeOf<MessageOf<"task_failed" | "logs">["content"]>().toEqualTypeOf<string | null>();
});
