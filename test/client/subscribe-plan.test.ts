import { expect, test } from "vitest";
import {
  MAX_MESSAGE_BYTES,
  MAX_TOPICS,
  planSubscribe,
  splitTopics,
  wireBytes,
} from "../../src/client/subscribe-plan.ts";
import { MAX_CLIENT_MESSAGE_BYTES, MAX_TOPICS as SERVER_MAX_TOPICS } from "../../src/protocol/client-message.ts";

const META = { request_id: "bullcast-client:123456789" };

function sizeOf(content: object): number {
  return wireBytes(JSON.stringify({ type: "subscribe", content, meta: META }));
}

test("the limits are those of the server", () => {
  expect(MAX_TOPICS).toBe(SERVER_MAX_TOPICS);
  expect(MAX_MESSAGE_BYTES).toBe(MAX_CLIENT_MESSAGE_BYTES);
});

test("a first connection asks for everything at once", () => {
  expect(planSubscribe([], new Map(), ["*", "job:a:1"])).toEqual({
    resume: null,
    fresh: [["*", "job:a:1"]],
    unresumed: [],
  });
});

test("topics that the cursors do not hold for are asked for apart", () => {
  const since = new Map([["a", "A"]]);
  expect(planSubscribe(["queue:a"], since, ["job:a:1"])).toEqual({
    resume: { topics: ["queue:a"], since },
    fresh: [["job:a:1"]],
    unresumed: [],
  });
});

test("jobs that do not fit beside the cursors begin anew", () => {
  const jobs = Array.from({ length: MAX_TOPICS - 1 }, (_, index) => `job:a:${index}-${"x".repeat(200)}`);
  const { resume, fresh, unresumed } = planSubscribe([...jobs, "*"], new Map([["a", "A"]]), []);
  expect(resume?.topics[0]).toBe("*");
  expect(unresumed).toEqual([]);
  expect(new Set([...(resume?.topics ?? []), ...fresh.flat()])).toEqual(new Set(["*", ...jobs]));
  expect(fresh.length).toBeGreaterThan(2);
  expect(sizeOf({ topics: resume?.topics, since: { a: "A" } })).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
  for (const topics of fresh) expect(sizeOf({ topics })).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
});

test("queues whose cursors do not fit are named", () => {
  const since = new Map(Array.from({ length: 1000 }, (_, index) => [`queue-${index}-é`, "c".repeat(70)]));
  const { resume, unresumed } = planSubscribe(["*"], since, []);
  expect(unresumed.length).toBeGreaterThan(100);
  expect((resume?.since.size ?? 0) + unresumed.length).toBe(1000);
  expect(sizeOf({ topics: ["*"], since: Object.fromEntries(resume?.since ?? []) })).toBeLessThanOrEqual(
    MAX_MESSAGE_BYTES,
  );
});

test("topics for administrators are asked for first and apart, so that the others neither wait nor are refused with them", () => {
  expect(splitTopics(["queue:a", "stats", "job:a:1", "clients"])).toEqual([
    ["stats", "clients"],
    ["queue:a", "job:a:1"],
  ]);
  expect(splitTopics(["stats"])).toEqual([["stats"]]);
});

test("no topics make no request", () => {
  expect(splitTopics([])).toEqual([]);
});
