import { expect, test } from "vitest";
import type { Message, TrueEntry, Truth, ViewerRecord } from "./oracle.mjs";
import { judge } from "./oracle.mjs";

/** Two jobs of one queue, told entry by entry, and the lines of each kind that the first of them wrote. */
const EVENTS = [
  ["1000-0", { event: "added", jobId: "a", name: "job" }, "task_added", null],
  ["1001-0", { event: "waiting", jobId: "a" }, "task_waiting", null],
  ["1002-0", { event: "active", jobId: "a", prev: "waiting" }, "task_active", null],
  ["1003-0", { event: "added", jobId: "b", name: "job" }, "task_added", null],
  ["1004-0", { event: "progress", jobId: "a", data: "40" }, "task_progress", 40],
  ["1008-0", { event: "completed", jobId: "a", returnvalue: '"done"', prev: "active" }, "task_success", "done"],
  ["1009-0", { event: "failed", jobId: "b", failedReason: "broken", prev: "active" }, "task_failed", "broken"],
] as const;
const LINES = [
  ["1005-0", "first line"],
  ["1006-0", "second line"],
] as const;
const STOCK_LINES = ["stock line 0", "stock line 1"];

function cursor(events: string, logs: string): string {
  return Buffer.from(`1:0123456789ab:${events}:${logs}`).toString("base64url");
}

/** What happened; the entries of the event stream up to `trimmed` are gone since `trimmedAtMs`. */
function truth({ trimmed = null as string | null, trimmedAtMs = 0, isRemoved = false } = {}): Truth {
  const timeOf = (id: string) => Number(id.split("-")[0]);
  const entry = (id: string, fields: Record<string, string>): TrueEntry => {
    const isGone = trimmed !== null && timeOf(id) <= timeOf(trimmed);
    return { id, fields, order: timeOf(id), trimmedAtMs: isGone ? trimmedAtMs : null };
  };
  const events = EVENTS.map(([id, fields]) => entry(id, fields));
  const logs = LINES.map(([id, msg]) => ({ ...entry(id, { job: "a", level: "info", msg }), trimmedAtMs: null }));
  const job = { queue: "q", keepLogs: null, at: 1000, isRemoved };
  return {
    queues: {
      q: {
        events: { entries: events, trims: trimmed === null ? [] : [{ id: trimmed, atMs: trimmedAtMs }] },
        logs: { entries: logs, trims: [] },
      },
    },
    jobs: [
      {
        ...job,
        id: "a",
        state: "completed",
        value: "done",
        end: events[5] ?? null,
        lines: STOCK_LINES.map((text) => ({ text, order: 1007 })),
      },
      { ...job, id: "b", state: "failed", value: "broken", end: events[6] ?? null, lines: [] },
    ],
    bridgeStarts: [900],
  };
}

/** All that a viewer of everything is to be told, each message named by its entry's id, or its line's text. */
function wholeStory(): [name: string, message: Message][] {
  const story: [string, Message][] = [];
  let logs = "999-0";
  const told = [...EVENTS.map(([id]) => id), ...LINES.map(([id]) => id)].sort();
  let events = "999-0";
  for (const id of told) {
    const line = LINES.find(([lineId]) => lineId === id);
    const event = EVENTS.find(([eventId]) => eventId === id);
    if (line) logs = id;
    else events = id;
    const meta = { queue: "q", task_id: event?.[1].jobId ?? "a", cursor: cursor(events, logs) };
    story.push([
      id,
      line ? { type: "logs", content: line[1], meta } : { type: event?.[2] ?? "", content: event?.[3], meta },
    ]);
    if (id === "1006-0")
      for (const [number, text] of STOCK_LINES.entries()) story.push([text, stockLine(number, text)]);
  }
  return story;
}

function stockLine(line: number, text: string): Message {
  return { type: "logs", content: text, meta: { queue: "q", task_id: "a", line } };
}

const GAP: Message = { type: "gap", content: { queue: "q", missed: null, truncated: false }, meta: { queue: "q" } };

function subscribed(recovered: boolean, events = "999-0", logs = "999-0"): Message {
  return { type: "subscribed", content: { topics: ["*"], recovered, cursors: { q: cursor(events, logs) } }, meta: {} };
}

function snapshot(id: string, state: string, value: unknown): Message {
  const content = { state, result: value, failed_reason: value, logs: [] };
  return { type: "snapshot", content, meta: { queue: "q", task_id: id } };
}

/** The records of a viewer of everything; those received come one each millisecond from 2000 on. */
function records(messages: readonly (Message | ViewerRecord)[]): ViewerRecord[] {
  const start: (Message | ViewerRecord)[] = [
    { at: 0, kind: "open" },
    { at: 0, kind: "subscribe", topics: ["*"] },
    subscribed(false),
  ];
  return [...start, ...messages].map((item, index) => {
    return "kind" in item ? { ...item, at: 2000 + index } : { at: 2000 + index, kind: "message", message: item };
  });
}

function without(...names: string[]): Message[] {
  return wholeStory().flatMap(([name, message]) => (names.includes(name) ? [] : [message]));
}

function found(happened: Truth, messages: readonly (Message | ViewerRecord)[]): string[] {
  return judge(happened, { id: "viewer", topics: ["*"], records: records(messages) }).findings.map(
    ({ check, job }) => `${check} ${job}`,
  );
}

/** A viewer that leaves after what it was told so far and hands back the cursor of that. */
function comeBack(events: string, logs: string): ViewerRecord[] {
  return [
    { at: 0, kind: "close", code: null },
    { at: 0, kind: "open" },
    { at: 0, kind: "subscribe", topics: ["*"], since: { q: cursor(events, logs) } },
  ];
}

test("a whole story leaves nothing to be found", () => {
  expect(found(truth(), without())).toEqual([]);
});

test("a lost end is found, as an entry and as a job without its end", () => {
  expect(found(truth(), without("1008-0"))).toEqual(["lost a", "wrong-end a"]);
});

test("a lost progress report is found", () => {
  expect(found(truth(), without("1004-0"))).toEqual(["lost a"]);
});

test("a lost line of the log stream is found, and is excused by a mark in its place", () => {
  expect(found(truth(), without("1005-0"))).toEqual(["lost a"]);
  const mark: Message = { type: "logs", content: null, meta: { queue: "q", task_id: "a", dropped: 1 } };
  expect(found(truth(), [mark, ...without("1005-0")])).toEqual([]);
});

test("a lost line of job.log() is found", () => {
  expect(found(truth(), without("stock line 1"))).toEqual(["lost-line a"]);
});

test("an entry told twice is found, on one connection and across two", () => {
  const [twice] = without().slice(4, 5) as [Message];
  expect(found(truth(), [...without(), twice])).toEqual(["duplicate a"]);
  const story = without();
  const again = [...comeBack("1009-0", "1006-0"), story.at(-1) as Message, subscribed(true, "1009-0", "1006-0")];
  expect(found(truth(), [...story, ...again])).toEqual(["duplicate b"]);
});

test("a line of job.log() told twice is found, unless the bridge was started in between", () => {
  const story = [...without(), { ...stockLine(1, "stock line 1"), meta: { ...stockLine(1, "").meta, late: true } }];
  expect(found(truth(), story)).toEqual(["duplicate-line a"]);
  expect(found({ ...truth(), bridgeStarts: [900, 2000 + story.length] }, story)).toEqual([]);
});

test("a line of job.log() may come again to a viewer that resumes from before it, and to no other", () => {
  const lines = STOCK_LINES.map((text, line) => stockLine(line, text));
  const [before, rest] = [without().slice(0, 9), without().slice(9)];
  const answer = subscribed(true, "1004-0", "1006-0");
  expect(found(truth(), [...before, ...comeBack("1004-0", "1006-0"), ...lines, answer, ...rest])).toEqual([]);
  const story = [...before, ...comeBack("1004-0", "1005-0"), ...lines, answer, ...rest];
  expect(found(truth(), story)).toEqual(["duplicate-line a", "duplicate-line a"]);
});

test("a line after the end is found, of the log stream and of job.log()", () => {
  const late = wholeStory().find(([name]) => name === "1006-0")?.[1] as Message;
  expect(found(truth(), [...without("1006-0"), late])).toEqual(["order a"]);
  expect(found(truth(), [...without("stock line 1"), stockLine(1, "stock line 1")])).toEqual(["line-order a"]);
});

test("messages that change places are found", () => {
  const story = without();
  [story[1], story[2]] = [story[2] as Message, story[1] as Message];
  expect(found(truth(), story)).toEqual(["order a"]);
});

test("a wrong result is found, and a message that nothing was the cause of", () => {
  const story = without().map((message) =>
    message.type === "task_success" ? { ...message, content: "else" } : message,
  );
  expect(found(truth(), story)).toEqual(["content a", "wrong-end a"]);
  const invented = {
    type: "task_progress",
    content: 1,
    meta: { queue: "q", task_id: "a", cursor: cursor("1009-1", "1006-0") },
  };
  expect(found(truth(), [...without(), invented])).toEqual(["invented a"]);
});

test("a gap that nothing explains is found", () => {
  const story = without();
  expect(found(truth(), [...story, GAP])).toEqual(["needless-gap null"]);
  const back = [...comeBack("1009-0", "1006-0"), GAP, subscribed(false, "1009-0", "1006-0")];
  expect(found(truth(), [...story, ...back])).toEqual(["needless-gap null"]);
});

test("a gap is needless where what was trimmed had been shown, and where it is told again", () => {
  const shown = without();
  expect(found(truth({ trimmed: "1004-0", trimmedAtMs: 1900 }), [...shown, GAP])).toEqual(["needless-gap null"]);
  const told = [...without("1003-0", "1004-0").slice(0, 3), GAP, GAP, ...without("1003-0", "1004-0").slice(3)];
  expect(found(truth({ trimmed: "1004-0", trimmedAtMs: 1900 }), told)).toEqual(["needless-gap null"]);
});

test("a gap may be told late, of what was trimmed a moment before and never shown", () => {
  const happened = truth({ trimmed: "1004-0", trimmedAtMs: 1900 });
  const story = without("1003-0", "1004-0");
  const late = [...story.slice(0, 6), GAP, ...story.slice(6)];
  expect(found(happened, late).filter((finding) => finding.startsWith("needless"))).toEqual([]);
  const longAgo = truth({ trimmed: "1004-0", trimmedAtMs: -500 });
  expect(found(longAgo, late).filter((finding) => finding.startsWith("needless"))).toEqual(["needless-gap null"]);
});

test("a bridge started since cannot know that the newest entry trimmed was the newest shown", () => {
  const happened = truth({ trimmed: "1004-0", trimmedAtMs: 1900 });
  const story = [...without().slice(0, 5), ...comeBack("1004-0", "999-0"), GAP, subscribed(false, "1004-0", "999-0")];
  const rest = without().slice(5);
  expect(found(happened, [...story, ...rest])).toEqual(["needless-gap null"]);
  expect(found({ ...happened, bridgeStarts: [900, 1950] }, [...story, ...rest])).toEqual([]);
});

test("a catch-up may tell of a second gap, of the bridge's own, and live viewers are told of what lies behind its end", () => {
  const happened = truth({ trimmed: "1009-0", trimmedAtMs: 1500, isRemoved: true });
  const back = [...without().slice(0, 3), ...comeBack("1002-0", "999-0")];
  const [answer, ends] = [subscribed(false, "1005-0", "1006-0"), [snapshot("a", "completed", "done")]];
  const needless = (messages: readonly (Message | ViewerRecord)[]) =>
    found(happened, messages).filter((finding) => finding.startsWith("needless"));
  expect(needless([...back, GAP, answer, GAP, ...ends])).toEqual([]);
  expect(needless([...back, GAP, GAP, answer, ...ends])).toEqual([]);
  expect(needless([...back, GAP, GAP, GAP, answer, ...ends])).toEqual(["needless-gap null"]);
  expect(needless([...back, GAP, answer, GAP, GAP, ...ends])).toEqual(["needless-gap null"]);
});

test("what was trimmed before it was told is excused by a gap, and by nothing else", () => {
  const happened = truth({ trimmed: "1004-0", trimmedAtMs: 1900 });
  const story = without("1003-0", "1004-0");
  expect(found(happened, [...story.slice(0, 3), GAP, ...story.slice(3)])).toEqual([]);
  expect(found(happened, story)).toEqual(["lost b", "lost a"]);
});

test("a gap in the middle does not excuse what still stood", () => {
  const happened = truth({ trimmed: "1003-0", trimmedAtMs: 1900 });
  const story = without("1003-0", "1004-0");
  expect(found(happened, [...story.slice(0, 3), GAP, ...story.slice(3)])).toEqual(["lost a"]);
});

test("after a gap each job has to be brought to its end by a snapshot", () => {
  const happened = truth({ trimmed: "1009-0", trimmedAtMs: 1990 });
  const before = without().slice(0, 3);
  const back = [...comeBack("1002-0", "999-0"), GAP, snapshot("a", "completed", "done")];
  const answer = subscribed(false, "1009-0", "1006-0");
  expect(found(happened, [...before, ...back, snapshot("b", "failed", "broken"), answer])).toEqual([]);
  expect(found(happened, [...before, ...back, answer])).toEqual(["wrong-end b"]);
});

test("an end that was removed and trimmed is excused by the gap, one that still stands is not", () => {
  const before = without().slice(0, 3);
  const back = [...comeBack("1002-0", "999-0"), GAP, subscribed(false, "1009-0", "1006-0")];
  expect(found(truth({ trimmed: "1009-0", trimmedAtMs: 1990, isRemoved: true }), [...before, ...back])).toEqual([]);
  const said = without().concat(snapshot("b", "unknown", null));
  expect(found(truth({ isRemoved: true }), said)).toEqual(["wrong-end b"]);
});

test("an answer that denies its gap is found, and one that claims a gap there was not", () => {
  const happened = truth({ trimmed: "1009-0", trimmedAtMs: 1990, isRemoved: true });
  const before = without().slice(0, 3);
  const back = comeBack("1002-0", "999-0");
  expect(found(happened, [...before, ...back, GAP, subscribed(true, "1009-0", "1006-0")])).toEqual(["answer null"]);
  const story = without();
  const whole = [...comeBack("1009-0", "1006-0"), subscribed(false, "1009-0", "1006-0")];
  expect(found(truth(), [...story, ...whole])).toEqual(["answer null"]);
});

test("an error message and a close that no fault explains are found", () => {
  const error: Message = { type: "error", content: { code: "bad_message", message: "no" }, meta: {} };
  expect(found(truth(), [...without(), error])).toEqual(["refused null"]);
  expect(found(truth(), [...without(), { at: 0, kind: "close", code: 4400 }])).toEqual(["refused null"]);
});

test("a check that is left out finds nothing", () => {
  const viewer = { id: "viewer", topics: ["*"], records: records(without("stock line 1")) };
  expect(judge(truth(), viewer, new Set(["lost-line"])).findings).toEqual([]);
});
