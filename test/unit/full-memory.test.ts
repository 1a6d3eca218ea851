import { expect, it } from "vitest";
import { QueueHistory } from "../../src/notifier/queue-history.ts";
import { RingBudget } from "../../src/notifier/ring-budget.ts";
import { at, entryAt, frameOf } from "./support/frames.ts";

it("a past for which there is no room is said to be gone, and is not read again and again", async () => {
  let reads = 0;
  const history = new QueueHistory({
    queue: "emails",
    tag: "tag",
    isLate: false,
    attachedAtMs: () => 0,
    budget: new RingBudget(100_000),
    source: {
      isUnreadable: () => false,
      readLines: async () => [],
      readPast: async () => {
        reads += 1;
        const frame = frameOf("x".repeat(1000));
        return {
          start: at(0),
          ids: new Set(),
          entries: Array.from({ length: 1000 }, (_, n) => entryAt(n + 1, { frame })),
        };
      },
    },
  });
  history.moveTo(at(1000));
  expect(await history.reach(at(100))).toBeNull();
  expect(await history.reach(at(100))).toBeNull();
  expect(reads).toBe(1);
  expect(await history.reach(at(1000)), "who has missed nothing needs no room").not.toBeNull();
});
