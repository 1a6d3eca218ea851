import { strictEqual } from "node:assert";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isJobFact } from "../../src/notifier/attempts.ts";
import { JobTracker } from "../../src/notifier/job-tracker.ts";
import { translate } from "../../src/notifier/translate.ts";
import { keyOf } from "../../src/sources/job-key.ts";
import type { JobHash } from "../../src/sources/stream-queries.ts";
import type { Told } from "./support/facts.ts";
import {
  active,
  added,
  back,
  completed,
  delayed,
  factsOf,
  failed,
  GONE,
  hashOf,
  log,
  progress,
  stalled,
  waiting,
} from "./support/facts.ts";

type Seen = [type: string, attempt: number | null];

/** Follows the jobs of one queue: tells batches of facts, with what the hashes say at the moment of reading. */
function follow() {
  const tracker = new JobTracker();
  /** Answers what viewers would see. A job without a hash here is one whose hash was not read in time. */
  function tell(told: readonly Told[], hashes: Record<string, JobHash> = {}) {
    const facts = factsOf(told);
    const asked = tracker.unknownIn(facts);
    const read = new Map(
      asked.flatMap((key) => {
        const hash = hashes[key.jobId];
        return hash ? [[keyOf(key), hash] as const] : [];
      }),
    );
    tracker.seed(facts, read);
    const views = facts.filter(isJobFact).map((fact) => {
      const view = tracker.advance(fact, facts[facts.indexOf(fact) + 1], read.get(keyOf(fact)));
      return { ...view, ...translate(fact, view) };
    });
    return {
      asked: asked.map(({ jobId }) => jobId),
      views,
      seen: views.map(({ type, attempt }): Seen => [type, attempt]),
    };
  }
  return { tracker, tell };
}

describe("the attempts of a job", () => {
  it("are counted for a job that succeeds at once", () => {
    const { tell } = follow();
    expect(tell([added(), waiting(), active(), progress(50), completed()]).seen).toEqual([
      ["task_added", 0],
      ["task_waiting", 0],
      ["task_active", 1],
      ["task_progress", 1],
      ["task_success", 1],
    ]);
  });

  it("are counted over an immediate retry", () => {
    const { tell } = follow();
    tell([added(), waiting(), active()]);
    const { seen, views } = tell([back()], { "1": hashOf({ atm: "1", failedReason: "first" }) });
    expect(seen).toEqual([["task_retrying", 1]]);
    expect(views[0]).toMatchObject({ content: "first", meta: { attempts: 3 } });
    expect(tell([active(), failed("second")]).seen).toEqual([
      ["task_active", 2],
      ["task_failed", 2],
    ]);
  });

  it("are counted over a retry with a back-off", () => {
    const { tell } = follow();
    tell([added(), waiting(), active()]);
    expect(tell([delayed()], { "1": hashOf({ atm: "1", failedReason: "first" }) }).seen).toEqual([
      ["task_retrying", 1],
    ]);
    expect(tell([waiting("1", "delayed"), active(), completed()]).seen).toEqual([
      ["task_waiting", 1],
      ["task_active", 2],
      ["task_success", 2],
    ]);
  });

  it("are counted over many retries in one batch", () => {
    const { tell } = follow();
    const story = [added(), waiting(), active(), back(), active(), back(), active(), failed("third")];
    const stacktrace = JSON.stringify(["Error: first\n    at x", "Error: second\n    at x", "Error: third\n    at x"]);
    const { seen, views } = tell(story, { "1": hashOf({ atm: "3", failedReason: "third", stacktrace }) });
    expect(seen).toEqual([
      ["task_added", 0],
      ["task_waiting", 0],
      ["task_active", 1],
      ["task_retrying", 1],
      ["task_active", 2],
      ["task_retrying", 2],
      ["task_active", 3],
      ["task_failed", 3],
    ]);
    expect(views.filter(({ type }) => type === "task_retrying").map(({ content }) => content)).toEqual([
      "first",
      "second",
    ]);
  });

  it("do not grow when a job stalls", () => {
    const { tell } = follow();
    tell([added(), waiting(), active()]);
    expect(tell([back(), stalled(), active(), completed()], { "1": hashOf({ atm: "1" }) }).seen).toEqual([
      ["task_waiting", 0],
      ["task_stalled", 0],
      ["task_active", 1],
      ["task_success", 1],
    ]);
  });

  it("do not grow when a job stalls and its hash is not read in time", () => {
    const { tell } = follow();
    tell([added(), waiting(), active()]);
    expect(tell([back(), stalled(), active()]).seen).toEqual([
      ["task_waiting", 0],
      ["task_stalled", 0],
      ["task_active", 1],
    ]);
  });

  it("tell a stall from another job's failed attempt next to it", () => {
    const { tell } = follow();
    tell([added("1"), active("1"), added("2"), active("2")]);
    const hashes = { "1": hashOf({ atm: "1", failedReason: "first" }), "2": hashOf({ atm: "0" }) };
    expect(tell([back("1"), back("2"), stalled("2")], hashes).seen).toEqual([
      ["task_retrying", 1],
      ["task_waiting", 0],
      ["task_stalled", 0],
    ]);
  });

  it("tell another job's stall from the failed attempt before it", () => {
    const { tell } = follow();
    tell([added("1"), active("1"), added("2"), active("2")]);
    expect(tell([back("1"), stalled("2")], { "1": hashOf({ atm: "1", failedReason: "first" }) }).seen).toEqual([
      ["task_retrying", 1],
      ["task_stalled", 1],
    ]);
  });

  it("end with the last of too many stalls", () => {
    const { tell } = follow();
    tell([added(), waiting(), active()]);
    expect(
      tell([back(), stalled(), active(), failed("job stalled more than allowable limit")], {
        "1": hashOf({ atm: "1", failedReason: "job stalled more than allowable limit" }),
      }).seen,
    ).toEqual([
      ["task_waiting", 0],
      ["task_stalled", 0],
      ["task_active", 1],
      ["task_failed", 1],
    ]);
  });

  it.each([
    { what: "a rate limit", fact: back(), type: "task_waiting" },
    { what: "the processor's own delay", fact: delayed(), type: "task_delayed" },
  ])("do not grow by $what", ({ fact, type }) => {
    const { tell } = follow();
    tell([added(), waiting(), active()]);
    expect(tell([fact], { "1": hashOf({ atm: null }) }).seen).toEqual([[type, 0]]);
    expect(tell([waiting("1", "delayed"), active(), completed()]).seen).toEqual([
      ["task_waiting", 0],
      ["task_active", 1],
      ["task_success", 1],
    ]);
  });

  it("grow by the failure and not by the rate limit before it, though both are read at once", () => {
    const { tell } = follow();
    tell([added(), waiting(), active()]);
    const story = [back(), active(), back(), active()];
    expect(tell(story, { "1": hashOf({ atm: "1", failedReason: "first" }) }).seen).toEqual([
      ["task_waiting", 0],
      ["task_active", 1],
      ["task_retrying", 1],
      ["task_active", 2],
    ]);
  });

  it("do not grow by a delay the job was added with, or one that was changed", () => {
    const { tell } = follow();
    expect(tell([added(), delayed()], { "1": hashOf() }).seen).toEqual([
      ["task_added", 0],
      ["task_delayed", 0],
    ]);
    expect(tell([delayed()]).seen).toEqual([["task_delayed", 0]]);
  });

  it("do not grow by a delay the job was added with when its first attempt has failed by the time its hash is read", () => {
    const { tell } = follow();
    expect(tell([added(), delayed()], { "1": hashOf({ atm: "1", failedReason: "later" }) }).seen).toEqual([
      ["task_added", 0],
      ["task_delayed", 0],
    ]);
  });

  it("are not guessed of a delayed job that was not seen before and whose hash is not read in time", () => {
    const { tell } = follow();
    expect(tell([delayed()]).seen).toEqual([["task_delayed", null]]);
  });

  it("are counted from the events when the hash is ahead of them", () => {
    const { tell } = follow();
    tell([added(), waiting(), active()]);
    // The second attempt has failed too by the time the first one's end is read.
    const ahead = hashOf({
      atm: "2",
      failedReason: "second",
      stacktrace: JSON.stringify(["Error: first\n    at x", "Error: second\n    at x"]),
    });
    const first = tell([back()], { "1": ahead });
    expect(first.seen).toEqual([["task_retrying", 1]]);
    expect(first.views[0]?.content).toBe("first");
    expect(tell([active()]).seen).toEqual([["task_active", 2]]);
    const second = tell([back()], { "1": ahead });
    expect(second.seen).toEqual([["task_retrying", 2]]);
    expect(second.views[0]?.content).toBe("second");
  });

  it("are assumed to have failed when the hash is not read in time", () => {
    const { tell } = follow();
    tell([added(), waiting(), active()]);
    const { seen, views } = tell([back()]);
    expect(seen).toEqual([["task_retrying", 1]]);
    expect(views[0]).toMatchObject({ content: null, meta: { attempts: null } });
    expect(tell([active()]).seen).toEqual([["task_active", 2]]);
  });

  it("are assumed to have failed when the job is gone by then", () => {
    const { tell } = follow();
    tell([added(), waiting(), active()]);
    expect(tell([back(), active(), completed()], { "1": GONE }).seen).toEqual([
      ["task_retrying", 1],
      ["task_active", 2],
      ["task_success", 2],
    ]);
  });

  it("are null for a job first seen when it was gone", () => {
    const { tell } = follow();
    const { seen, views } = tell([active(), completed("done")], { "1": GONE });
    expect(seen).toEqual([
      ["task_active", null],
      ["task_success", null],
    ]);
    expect(views[0]).toMatchObject({ name: null, attempts: null });
  });

  it.each([
    { what: "when it becomes active", story: [active()], atm: "2", seen: [["task_active", 3]] },
    { what: "when it ends", story: [completed()], atm: "3", seen: [["task_success", 3]] },
    { what: "when it fails for good", story: [failed()], atm: "3", seen: [["task_failed", 3]] },
    { what: "at work", story: [progress(1)], atm: "1", seen: [["task_progress", 2]] },
    { what: "waiting", story: [waiting()], atm: null, seen: [["task_waiting", 0]] },
    { what: "delayed from the start", story: [delayed()], atm: null, seen: [["task_delayed", 0]] },
    {
      what: "at the end of an attempt",
      story: [back(), active(), completed()],
      atm: "2",
      seen: [
        ["task_retrying", 1],
        ["task_active", 2],
        ["task_success", 2],
      ],
    },
    {
      what: "at a back-off",
      story: [delayed(), waiting("1", "delayed"), active()],
      atm: "2",
      seen: [
        ["task_retrying", 2],
        ["task_waiting", 2],
        ["task_active", 3],
      ],
    },
    {
      what: "at a stall",
      story: [back(), stalled(), active()],
      atm: "1",
      seen: [
        ["task_waiting", 1],
        ["task_stalled", 1],
        ["task_active", 2],
      ],
    },
  ])("are known of a job first seen in the middle of its life: $what", ({ story, atm, seen }) => {
    const { tell } = follow();
    const told = tell(story, { "1": hashOf({ name: "report", atm, failedReason: "r" }) });
    expect(told.seen).toEqual(seen);
    expect(told.views[0]?.name).toBe("report");
  });

  it("go on when an ended job is retried by hand", () => {
    const { tell } = follow();
    tell([added(), waiting(), active(), failed()]);
    expect(tell([waiting("1", "failed"), active(), completed()]).seen).toEqual([
      ["task_waiting", 1],
      ["task_active", 2],
      ["task_success", 2],
    ]);
  });

  it("begin anew when an ended job is retried by hand with its attempts reset", () => {
    const { tell } = follow();
    tell([added(), waiting(), active()]);
    tell([back()], { "1": hashOf({ atm: "1", failedReason: "x" }) });
    tell([active(), failed()]);
    // `job.retry("failed", { resetAttemptsMade: true })` takes `atm` out of the hash.
    tell([waiting("1", "failed")], { "1": hashOf({ atm: null }) });
    expect(tell([active()], { "1": hashOf({ atm: null }) }).seen).toEqual([["task_active", 1]]);
    expect(tell([back()], { "1": hashOf({ atm: "1", failedReason: "again" }) }).seen).toEqual([["task_retrying", 1]]);
  });

  it("begin anew when an id is used again", () => {
    const { tell } = follow();
    tell([added("1", "old"), active(), failed()]);
    const { seen, views } = tell([added("1", "new"), waiting(), active(), log("line"), completed()]);
    expect(seen).toEqual([
      ["task_added", 0],
      ["task_waiting", 0],
      ["task_active", 1],
      ["logs", 1],
      ["task_success", 1],
    ]);
    expect(views.map(({ name }) => name)).toEqual(["new", "new", "new", "new", "new"]);
    expect(views[3]?.meta).not.toHaveProperty("late");
  });
});

describe("the reason of a failed attempt", () => {
  function reasonOfFirst(fields: Partial<JobHash> & { opts?: string }) {
    const { tell } = follow();
    tell([added(), waiting(), active()]);
    return tell([back()], { "1": hashOf(fields) }).views[0]?.content;
  }

  it("is the job's own while that is of the attempt", () => {
    expect(reasonOfFirst({ atm: "1", failedReason: "exactly this", stacktrace: '["Error: not this"]' })).toBe(
      "exactly this",
    );
  });

  it("may be an empty text", () => {
    expect(reasonOfFirst({ atm: "1", failedReason: "" })).toBe("");
  });

  it.each([
    { stack: "Error: no route\n    at send (mail.js:1:2)\n    at run", reason: "no route" },
    { stack: "TypeError: two\nlines\n    at send (mail.js:1:2)", reason: "two\nlines" },
    { stack: "PaymentError: declined\n    at pay", reason: "declined" },
    { stack: "Error: no frames", reason: "no frames" },
    { stack: "Error: Error: twice\n    at x", reason: "Error: twice" },
  ])("is what the stack trace begins with when the hash is ahead: $reason", ({ stack, reason }) => {
    expect(reasonOfFirst({ atm: "2", failedReason: "second", stacktrace: JSON.stringify([stack, "second"]) })).toBe(
      reason,
    );
  });

  it.each([
    { what: "a missing file", cause: () => readFileSync("/nowhere/to/be/found") },
    { what: "a wrong argument", cause: () => readFileSync({} as unknown as string) },
    { what: "a failed assertion", cause: () => strictEqual(1, 2) },
    { what: "text that is not JSON", cause: () => JSON.parse("{oops") },
  ])("is the message alone, also of the runtime's own errors: $what", ({ cause }) => {
    let error: unknown;
    try {
      cause();
    } catch (caught) {
      error = caught;
    }
    if (!(error instanceof Error)) throw new Error("no error was thrown");
    const stacktrace = JSON.stringify([error.stack, "second"]);
    expect(reasonOfFirst({ atm: "2", failedReason: "second", stacktrace })).toBe(error.message);
  });

  it.each([
    { what: "no stack trace", stacktrace: null },
    { what: "one that is not JSON", stacktrace: "{oops" },
    { what: "one that is no list", stacktrace: '{"first":"Error: no"}' },
    { what: "JSON null", stacktrace: "null" },
    { what: "one without this attempt", stacktrace: "[]" },
    { what: "one that holds no text", stacktrace: "[5]" },
  ])("is null when it cannot be known: $what", ({ stacktrace }) => {
    expect(reasonOfFirst({ atm: "2", failedReason: "second", stacktrace })).toBeNull();
  });

  it("is never that of another attempt, where BullMQ keeps only the newest stack traces", () => {
    const opts = JSON.stringify({ attempts: 5, stackTraceLimit: 1 });
    expect(
      reasonOfFirst({ atm: "2", failedReason: "second", opts, stacktrace: '["Error: second\\n    at x"]' }),
    ).toBeNull();
  });
});

describe("how many attempts a job may have", () => {
  it.each([
    { opts: '{"attempts":5}', attempts: 5 },
    { opts: '{"attempts":0}', attempts: 1 },
    { opts: "{}", attempts: 1 },
    { opts: "not json", attempts: null },
    { opts: null, attempts: null },
  ])("is read from its options: $opts", ({ opts, attempts }) => {
    const { tell } = follow();
    tell([added(), active()]);
    expect(tell([back()], { "1": hashOf({ opts, atm: "1" }) }).views[0]?.attempts).toBe(attempts);
  });
});

describe("a log line", () => {
  it("is late after the end, and not before", () => {
    const { tell } = follow();
    const { views } = tell([added(), active(), log("before"), completed(), log("after")]);
    expect(views.map(({ meta }) => meta.late)).toEqual([undefined, undefined, undefined, undefined, true]);
  });

  it("is late also when the job's hash was read only after the end", () => {
    const { tell } = follow();
    tell([completed()]);
    const { views } = tell([log("after")], { "1": hashOf({ atm: "1" }) });
    expect(views[0]?.meta).toMatchObject({ late: true });
  });

  it("of a job not seen before has its attempt", () => {
    const { tell } = follow();
    expect(tell([log("at work")], { "1": hashOf({ atm: "1" }) }).seen).toEqual([["logs", 2]]);
  });
});

describe("what is asked of Redis", () => {
  it("is nothing for jobs seen from the start, until an attempt may have ended", () => {
    const { tell } = follow();
    expect(tell([added(), waiting(), active(), progress(1), log("x")]).asked).toEqual([]);
    expect(tell([progress(2), completed()]).asked).toEqual([]);
    expect(tell([back()]).asked).toEqual(["1"]);
    expect(tell([delayed()]).asked).toEqual(["1"]);
  });

  it("is a name once per job", () => {
    const { tell } = follow();
    expect(tell([active("7"), progress(1, "7"), active("8")]).asked).toEqual(["7", "8"]);
    const read = { "7": hashOf({ name: "seven" }), "8": GONE };
    expect(tell([progress(2, "7"), progress(2, "8")], read).asked).toEqual(["7", "8"]);
    const { asked, views } = tell([progress(3, "7"), progress(3, "8")]);
    expect(asked).toEqual([]);
    expect(views.map(({ name }) => name)).toEqual(["seven", null]);
  });

  it("is nothing for facts about the whole queue", () => {
    const { tell } = follow();
    expect(tell([{ kind: "paused" }, { kind: "cleaned", count: 3 }]).asked).toEqual([]);
  });

  it("tells jobs of the same id in two queues apart", () => {
    const tracker = new JobTracker();
    const facts = [...factsOf([active()], { queue: "a" }), ...factsOf([active()], { queue: "b" })];
    expect(tracker.unknownIn(facts)).toEqual([
      { queue: "a", jobId: "1" },
      { queue: "b", jobId: "1" },
    ]);
    tracker.seed(facts, new Map([["a:1", hashOf({ name: "of a" })]]));
    expect(tracker.get("a:1")?.name).toBe("of a");
    expect(tracker.get("b:1")).toBeUndefined();
  });
});

describe("the memory of jobs", () => {
  it("is bounded: the job least recently heard of is forgotten first", () => {
    const { tracker, tell } = follow();
    tell([added("old", "old"), added("busy", "busy")]);
    for (let index = 0; index < 20_000; index += 1) {
      if (index === 10_000) tell([progress(1, "busy")]);
      tell([added(`job-${index}`, "n")]);
    }
    expect(tracker.get("emails:old")).toBeUndefined();
    expect(tracker.get("emails:busy")?.name).toBe("busy");
    expect(tell([progress(2, "old")]).asked).toEqual(["old"]);
  });
});
