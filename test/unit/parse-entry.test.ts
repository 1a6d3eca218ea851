import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fieldsOf, MalformedEntryError, parseEventEntry, parseLogEntry } from "../../src/sources/parse-entry.ts";

const ID = "1700000000000-3";
const ORIGIN = { queue: "emails", streamId: ID, atMs: 1_700_000_000_000 };

const readEvent = (...flat: string[]) => parseEventEntry("emails", ID, fieldsOf(flat));
const readLog = (...flat: string[]) => parseLogEntry("emails", ID, fieldsOf(flat));

describe("an entry of the event stream", () => {
  it.each([
    { flat: ["event", "added", "jobId", "1", "name", "mail"], fact: { kind: "added", jobId: "1", name: "mail" } },
    { flat: ["event", "added", "jobId", "1"], fact: { kind: "added", jobId: "1", name: null } },
    { flat: ["event", "waiting", "jobId", "1"], fact: { kind: "waiting", jobId: "1", previous: null } },
    ...["active", "delayed", "failed", "waiting-children"].map((prev) => ({
      flat: ["event", "waiting", "jobId", "1", "prev", prev],
      fact: { kind: "waiting", jobId: "1", previous: prev },
    })),
    { flat: ["event", "active", "jobId", "1", "prev", "waiting"], fact: { kind: "active", jobId: "1" } },
    {
      flat: ["event", "progress", "jobId", "1", "data", '{"percent":40}'],
      fact: { kind: "progress", jobId: "1", value: { percent: 40 } },
    },
    { flat: ["event", "progress", "jobId", "1", "data", "0"], fact: { kind: "progress", jobId: "1", value: 0 } },
    {
      flat: ["event", "completed", "jobId", "1", "returnvalue", '"done"', "prev", "active"],
      fact: { kind: "completed", jobId: "1", value: "done" },
    },
    {
      flat: ["event", "completed", "jobId", "1", "returnvalue", "null"],
      fact: { kind: "completed", jobId: "1", value: null },
    },
    {
      flat: ["event", "failed", "jobId", "1", "failedReason", "{not json, plain text}", "prev", "active"],
      fact: { kind: "failed", jobId: "1", reason: "{not json, plain text}" },
    },
    { flat: ["event", "failed", "jobId", "1", "failedReason", ""], fact: { kind: "failed", jobId: "1", reason: "" } },
    { flat: ["event", "failed", "jobId", "1"], fact: { kind: "failed", jobId: "1", reason: null } },
    {
      flat: ["event", "delayed", "jobId", "1", "delay", "1700000060000"],
      fact: { kind: "delayed", jobId: "1", dueAtMs: 1_700_000_060_000 },
    },
    { flat: ["event", "stalled", "jobId", "1"], fact: { kind: "stalled", jobId: "1" } },
    { flat: ["event", "waiting-children", "jobId", "1"], fact: { kind: "waiting-children", jobId: "1" } },
    { flat: ["event", "removed", "jobId", "1", "prev", "wait"], fact: { kind: "removed", jobId: "1" } },
    { flat: ["event", "cleaned", "count", "12"], fact: { kind: "cleaned", count: 12 } },
    { flat: ["event", "cleaned"], fact: { kind: "cleaned", count: null } },
    { flat: ["event", "drained"], fact: { kind: "drained" } },
    { flat: ["event", "paused"], fact: { kind: "paused" } },
    { flat: ["event", "resumed"], fact: { kind: "resumed" } },
  ])("is read: $flat", ({ flat, fact }) => {
    expect(readEvent(...flat)).toEqual({ ...ORIGIN, ...fact });
  });

  it.each([
    { flat: ["event", "retries-exhausted", "jobId", "1", "attemptsMade", "3"] },
    { flat: ["event", "duplicated", "jobId", "1"] },
    { flat: ["event", "deduplicated", "jobId", "1", "deduplicatedJobId", "2", "deduplicationId", "x"] },
    { flat: ["event", "an application's own", "jobId", "{"] },
    { flat: ["event", "__proto__"] },
    { flat: ["event", "constructor"] },
  ])("makes no message: $flat", ({ flat }) => {
    expect(readEvent(...flat)).toBeNull();
  });

  it.each([
    { flat: [], says: "event" },
    { flat: ["jobId", "1"], says: "event" },
    { flat: ["event"], says: "event" },
    { flat: ["event", "error"], says: '"error"' },
    { flat: ["event", "ioredis:close"], says: '"ioredis:close"' },
    ...["added", "waiting", "active", "stalled", "waiting-children", "removed", "delayed", "progress", "completed"]
      .concat("failed")
      .map((event) => ({ flat: ["event", event, "delay", "1", "data", "1", "returnvalue", "1"], says: "job id" })),
    { flat: ["event", "active", "jobId", ""], says: "job id" },
    // What `job.updateProgress(undefined)` writes.
    { flat: ["event", "progress", "jobId", "1", "data", ""], says: '"data"' },
    { flat: ["event", "progress", "jobId", "1", "data", "{not json"], says: '"data"' },
    { flat: ["event", "progress", "jobId", "1"], says: '"data"' },
    { flat: ["event", "completed", "jobId", "1", "returnvalue", "oops"], says: '"returnvalue"' },
    { flat: ["event", "completed", "jobId", "1"], says: '"returnvalue"' },
    { flat: ["event", "delayed", "jobId", "1"], says: '"delay"' },
    { flat: ["event", "delayed", "jobId", "1", "delay", ""], says: '"delay"' },
    { flat: ["event", "delayed", "jobId", "1", "delay", "soon"], says: '"delay"' },
    { flat: ["event", "delayed", "jobId", "1", "delay", "-5"], says: '"delay"' },
    { flat: ["event", "delayed", "jobId", "1", "delay", "99999999999999999999"], says: '"delay"' },
    { flat: ["event", "cleaned", "count", "many"], says: '"count"' },
  ])("is malformed, and says why: $flat", ({ flat, says }) => {
    expect(() => readEvent(...flat)).toThrow(MalformedEntryError);
    expect(() => readEvent(...flat)).toThrow(says);
  });

  it("says no more than a bit of a value that cannot be read", () => {
    let text = "";
    try {
      readEvent("event", "progress", "jobId", "1", "data", "x".repeat(1_000_000));
    } catch (error) {
      text = String(error);
    }
    expect(text).toContain("xxx");
    expect(text.length).toBeLessThan(300);
  });

  it("may be due at a fraction of a millisecond, as after a back-off that is no whole number", () => {
    expect(readEvent("event", "delayed", "jobId", "1", "delay", "1700000060000.7")).toMatchObject({
      kind: "delayed",
      dueAtMs: expect.closeTo(1_700_000_060_000.7, 0),
    });
  });

  it("may have job ids of any length and characters", () => {
    const jobId = `a:b:${"ü\n".repeat(5000)}`;
    expect(readEvent("event", "active", "jobId", jobId)).toMatchObject({ jobId });
  });

  it("has the time of its id, which is one a date can hold, or is malformed", () => {
    const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(uint64, uint64, (atMs, sequence) => {
        const id = `${atMs}-${sequence}`;
        try {
          for (const fact of [
            parseEventEntry("emails", id, fieldsOf(["event", "active", "jobId", "1"])),
            parseLogEntry("emails", id, fieldsOf(["job", "1", "msg", "x"])),
          ]) {
            expect(fact).toMatchObject({ streamId: id });
            expect(new Date(fact?.atMs ?? Number.NaN).getTime()).not.toBeNaN();
          }
        } catch (error) {
          if (!(error instanceof MalformedEntryError)) throw error;
          expect(atMs).toBeGreaterThan(8_640_000_000_000_000n);
        }
      }),
      {
        examples: [
          [2n ** 64n - 1n, 2n ** 64n - 1n],
          [0n, 1n],
          [8_640_000_000_000_001n, 0n],
        ],
      },
    );
  });
});

describe("an entry of the log stream", () => {
  it.each([
    {
      flat: ["job", "1", "level", "warn", "msg", "careful", "time", "1700000000001", "data", '{"user":7}'],
      fact: { level: "warn", content: "careful", loggedAtMs: 1_700_000_000_001, data: { user: 7 }, dropped: null },
    },
    {
      flat: ["job", "1", "msg", ""],
      fact: { level: null, content: "", loggedAtMs: null, data: null, dropped: null },
    },
    {
      flat: ["job", "1", "dropped", "9"],
      fact: { level: null, content: null, loggedAtMs: null, data: null, dropped: 9 },
    },
  ])("is read: $flat", ({ flat, fact }) => {
    expect(readLog(...flat)).toEqual({ ...ORIGIN, kind: "log", jobId: "1", ...fact });
  });

  it.each([
    { flat: [] },
    { flat: ["msg", "x"] },
    { flat: ["job", "", "msg", "x"] },
    { flat: ["job", "1"] },
    { flat: ["job", "1", "msg"] },
    { flat: ["job", "1", "msg", "x", "time", "yesterday"] },
    { flat: ["job", "1", "msg", "x", "time", "9".repeat(20)] },
    { flat: ["job", "1", "msg", "x", "data", "{"] },
    { flat: ["job", "1", "dropped", "some"] },
  ])("is malformed: $flat", ({ flat }) => {
    expect(() => readLog(...flat)).toThrow(MalformedEntryError);
  });
});

describe("the fields of an entry", () => {
  it("may be named like what objects have of their own", () => {
    const fields = fieldsOf(["__proto__", "a", "constructor", "b", "toString", "c", "event", "active", "jobId", "1"]);
    expect(Object.entries(fields)).toEqual([
      ["__proto__", "a"],
      ["constructor", "b"],
      ["toString", "c"],
      ["event", "active"],
      ["jobId", "1"],
    ]);
    expect(parseEventEntry("emails", ID, fields)).toMatchObject({ kind: "active", jobId: "1" });
    expect({}).not.toHaveProperty("a");
  });

  it("are none that objects have of their own when they are not given", () => {
    expect(fieldsOf([]).toString).toBeUndefined();
    expect(fieldsOf([]).constructor).toBeUndefined();
  });

  it("never make reading fail otherwise than as a malformed entry", () => {
    const name = fc.oneof(
      fc.constantFrom("event", "jobId", "name", "prev", "data", "returnvalue", "delay", "count", "__proto__"),
      fc.constantFrom("job", "msg", "level", "time", "dropped", "failedReason"),
      fc.string(),
    );
    const value = fc.oneof(
      fc.constantFrom("added", "waiting", "active", "progress", "completed", "failed", "delayed", "cleaned", "1", "{}"),
      fc.string(),
      fc.json(),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 6 }), fc.boolean(), (pairs, isOdd) => {
        const fields = fieldsOf(pairs.flat().slice(isOdd ? 1 : 0));
        for (const read of [parseEventEntry, parseLogEntry]) {
          try {
            read("emails", ID, fields);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedEntryError);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });
});
