import { describe, expect, it } from "vitest";
import type { JobView } from "../../src/notifier/translate.ts";
import { translate } from "../../src/notifier/translate.ts";
import { isProtocolType } from "../../src/protocol/message.ts";
import type { Told } from "./support/facts.ts";
import {
  active,
  added,
  back,
  completed,
  delayed,
  factsOf,
  failed,
  log,
  progress,
  START_MS,
  stalled,
  waiting,
} from "./support/facts.ts";

const VIEW: JobView = { attempt: 1, attempts: 3, attemptFailed: false, reason: null, hasEnded: false };
const FAILED_ATTEMPT = { attemptFailed: true, reason: "no route" };
const DUE_MS = Date.parse("2026-01-02T03:04:05.678Z");
const DUE = "2026-01-02T03:04:05.678Z";
const NOW = new Date(START_MS).toISOString();

interface Row {
  told: Told;
  view?: Partial<JobView>;
  type: string;
  content?: unknown;
  meta?: Record<string, unknown>;
}

const ROWS: Record<string, Row> = {
  added: { told: added(), type: "task_added" },
  active: { told: active(), type: "task_active" },
  stalled: { told: stalled(), type: "task_stalled" },
  "waiting-children": { told: { kind: "waiting-children", jobId: "1" }, type: "task_waiting_children" },
  removed: { told: { kind: "removed", jobId: "1" }, type: "task_removed" },
  "waiting, new": { told: waiting(), type: "task_waiting" },
  "waiting after a delay": { told: waiting("1", "delayed"), type: "task_waiting" },
  "waiting after its children": { told: waiting("1", "waiting-children"), type: "task_waiting" },
  "waiting again after it had failed": { told: waiting("1", "failed"), view: { hasEnded: true }, type: "task_waiting" },
  "waiting straight after active, an attempt failed": {
    told: back(),
    view: FAILED_ATTEMPT,
    type: "task_retrying",
    content: "no route",
    meta: { attempts: 3, retry_at: NOW },
  },
  "waiting straight after active, no attempt failed": { told: back(), type: "task_waiting" },
  "delayed after active, an attempt failed": {
    told: delayed("1", DUE_MS),
    view: FAILED_ATTEMPT,
    type: "task_retrying",
    content: "no route",
    meta: { attempts: 3, retry_at: DUE },
  },
  "a failed attempt of which nothing is known": {
    told: back(),
    view: { attemptFailed: true, attempt: null, attempts: null },
    type: "task_retrying",
    meta: { attempts: null, retry_at: NOW },
  },
  delayed: { told: delayed("1", DUE_MS), type: "task_delayed", content: DUE },
  progress: { told: progress({ percent: 40 }), type: "task_progress", content: { percent: 40 } },
  "progress 0": { told: progress(0), type: "task_progress", content: 0 },
  completed: { told: completed([1, "two"]), type: "task_success", content: [1, "two"] },
  "completed with nothing": { told: completed(null), type: "task_success" },
  failed: { told: failed("boom"), type: "task_failed", content: "boom" },
  "failed without a reason": { told: failed(null), type: "task_failed" },
  paused: { told: { kind: "paused" }, type: "queue_paused" },
  resumed: { told: { kind: "resumed" }, type: "queue_resumed" },
  drained: { told: { kind: "drained" }, type: "queue_drained" },
  cleaned: { told: { kind: "cleaned", count: 12 }, type: "queue_cleaned", content: 12 },
  "cleaned without a count": { told: { kind: "cleaned", count: null }, type: "queue_cleaned" },
  "a log line": {
    told: log("hello"),
    type: "logs",
    content: "hello",
    meta: { level: "info", logged_at: null },
  },
  "a log line with everything": {
    told: {
      kind: "log",
      jobId: "1",
      level: "warn",
      content: "hello",
      loggedAtMs: DUE_MS,
      data: { user: 7 },
      dropped: null,
    },
    type: "logs",
    content: "hello",
    meta: { level: "warn", logged_at: DUE, data: { user: 7 } },
  },
  "a log line after the end": {
    told: log("too late"),
    view: { hasEnded: true },
    type: "logs",
    content: "too late",
    meta: { level: "info", logged_at: null, late: true },
  },
  "missing log lines": {
    told: { kind: "log", jobId: "1", level: null, content: null, loggedAtMs: null, data: null, dropped: 9 },
    type: "logs",
    meta: { level: null, logged_at: null, dropped: 9 },
  },
};

describe("what happened becomes the message of the protocol", () => {
  it.each(Object.entries(ROWS))("%s", (_name, { told, view, type, content = null, meta = {} }) => {
    const [fact] = factsOf([told]);
    if (!fact) throw new Error("no fact");
    expect(translate(fact, { ...VIEW, ...view })).toEqual({ type, content, meta });
    expect(isProtocolType(type)).toBe(true);
  });
});
