import type { ServerMessage } from "../../../client/index.ts";
import type { SnapshotContent } from "../../../protocol/snapshot.ts";

/** A time in which the job waited: in line, for its time, or for its children. */
export interface WaitStep {
  kind: "wait";
  state: "waiting" | "prioritized" | "delayed" | "waiting-children";
  /** ISO 8601, as all times here; null when not known. */
  from: string | null;
  /** Null while it lasts, and when not known. */
  to: string | null;
  isOpen: boolean;
  /** When a delayed job is due; null when not known. */
  dueAt: string | null;
}

/** One run of the job's processor. */
export interface AttemptStep {
  kind: "attempt";
  /** From 1; null when not known. */
  number: number | null;
  from: string | null;
  to: string | null;
  isOpen: boolean;
  /** How it ended; `interrupted` is one that went back to wait without having failed. Null while it lasts. */
  outcome: "completed" | "failed" | "stalled" | "interrupted" | null;
  /** Why it failed. */
  reason: string | null;
}

/** How the job ended. */
export interface EndStep {
  kind: "end";
  outcome: "completed" | "failed" | "removed";
  at: string | null;
  /** Why it failed, where no attempt did. */
  reason: string | null;
}

/** Attempts made before this page was opened, of which no more is kept than that there were any. */
export interface PastStep {
  kind: "past";
  attempts: number;
}

export type TimelineStep = WaitStep | AttemptStep | EndStep | PastStep;

/** What a job has been through, oldest first. Never changed: replaced. */
export type Timeline = readonly TimelineStep[];

/** Steps kept: a job may put itself off for ever. */
const MAX_STEPS = 200;
/** Past attempts that get a step each. */
const MAX_PAST = 20;

const WAIT_STATES: ReadonlySet<string> = new Set(["waiting", "prioritized", "delayed", "waiting-children"]);

/** What BullMQ keeps of a job's life: when it was added, when its last attempt began, and how it ended. */
export function timelineOf(snapshot: SnapshotContent): Timeline {
  const { state, attempt, added_at: addedAt, started_at: startedAt, finished_at: finishedAt } = snapshot;
  if (state === "unknown") return [];
  const steps: TimelineStep[] = [];
  const made = attempt ?? 0;
  const isWaiting = WAIT_STATES.has(state);
  if (made === 0 && isWaiting) return [openWait(state as WaitStep["state"], addedAt, null)];
  steps.push({
    kind: "wait",
    state: "waiting",
    from: addedAt,
    to: made <= 1 ? startedAt : null,
    isOpen: false,
    dueAt: null,
  });
  const firstTold = Math.max(1, made - MAX_PAST);
  if (firstTold > 1) steps.push({ kind: "past", attempts: firstTold - 1 });
  for (let number = firstTold; number < made; number += 1) {
    steps.push({ kind: "attempt", number, from: null, to: null, isOpen: false, outcome: "failed", reason: null });
  }
  const isEnded = state === "completed" || state === "failed";
  if (made > 0) {
    steps.push({
      kind: "attempt",
      number: made,
      from: startedAt,
      to: finishedAt,
      isOpen: state === "active",
      outcome: state === "active" ? null : state === "completed" ? "completed" : "failed",
      reason: state === "active" || state === "completed" ? null : snapshot.failed_reason,
    });
  }
  if (isWaiting) steps.push(openWait(state as WaitStep["state"], null, null));
  if (isEnded) {
    const reason = made === 0 ? snapshot.failed_reason : null;
    steps.push({ kind: "end", outcome: state, at: finishedAt, reason });
  }
  return steps;
}

/**
 * A newer snapshot: what was seen happen stays where it is of the same life and has come as far, as a snapshot knows
 * less of the past.
 */
export function reconcile(seen: Timeline, fresh: Timeline): Timeline {
  return seen.length > fresh.length && headOf(seen) === headOf(fresh) && tailOf(seen) === tailOf(fresh) ? seen : fresh;
}

/** What a job has been through after a message about it. The same timeline where the message adds nothing. */
export function advance(timeline: Timeline, { type, content, meta, timestamp: at }: ServerMessage): Timeline {
  const text = typeof content === "string" ? content : null;
  const number = typeof meta.attempt === "number" ? meta.attempt : null;
  switch (type) {
    case "task_added":
      return [openWait("waiting", at, null)];
    case "task_waiting":
      return waits(timeline, "waiting", at, null);
    case "task_waiting_children":
      return waits(timeline, "waiting-children", at, null);
    case "task_delayed":
      return waits(timeline, "delayed", at, text);
    case "task_active":
      return bounded([...closed(timeline, at, "interrupted"), openAttempt(number, at)]);
    case "task_stalled":
      return stalled(timeline);
    case "task_retrying": {
      const retryAt = typeof meta.retry_at === "string" ? meta.retry_at : null;
      const isLater = retryAt !== null && Date.parse(retryAt) > Date.parse(at);
      const wait = isLater ? openWait("delayed", at, retryAt) : openWait("waiting", at, null);
      return bounded([...ended(timeline, at, "failed", text, number), wait]);
    }
    case "task_success":
      return bounded([
        ...ended(timeline, at, "completed", null, number),
        { kind: "end", outcome: "completed", at, reason: null },
      ]);
    case "task_failed":
      return failed(timeline, at, text);
    case "task_removed":
      return bounded([...closed(timeline, at, "interrupted"), { kind: "end", outcome: "removed", at, reason: null }]);
    default:
      return timeline;
  }
}

/** The job is gone, and nobody knows since when: what lasted does so no more. */
export function abandon(timeline: Timeline): Timeline {
  const last = timeline.at(-1);
  if (!last || !("isOpen" in last) || !last.isOpen) return timeline;
  return [...timeline.slice(0, -1), { ...last, isOpen: false }];
}

function openWait(state: WaitStep["state"], from: string | null, dueAt: string | null): WaitStep {
  return { kind: "wait", state, from, to: null, isOpen: true, dueAt };
}

function openAttempt(number: number | null, from: string): AttemptStep {
  return { kind: "attempt", number, from, to: null, isOpen: true, outcome: null, reason: null };
}

function waits(timeline: Timeline, state: WaitStep["state"], at: string, dueAt: string | null): Timeline {
  const last = timeline.at(-1);
  // A delayed job is added first and put off then, in the same moment.
  const isSame = last?.kind === "wait" && last.isOpen && (last.state === state || last.from === at);
  if (isSame) return [...timeline.slice(0, -1), { ...last, state, dueAt }];
  return bounded([...closed(timeline, at, "interrupted"), openWait(state, at, dueAt)]);
}

/** Whatever lasts has ended. */
function closed(timeline: Timeline, at: string, outcome: AttemptStep["outcome"]): Timeline {
  const last = timeline.at(-1);
  if (!last || !("isOpen" in last) || !last.isOpen) return timeline;
  const over = { ...last, isOpen: false, to: at };
  return [...timeline.slice(0, -1), over.kind === "attempt" ? { ...over, outcome } : over];
}

/** An attempt has ended, be it one whose beginning was not seen. */
function ended(
  timeline: Timeline,
  at: string,
  outcome: "completed" | "failed",
  reason: string | null,
  number: number | null,
): Timeline {
  const last = timeline.at(-1);
  if (last?.kind === "attempt" && last.isOpen) {
    return [
      ...timeline.slice(0, -1),
      { ...last, isOpen: false, to: at, outcome, reason, number: number ?? last.number },
    ];
  }
  const attempt: AttemptStep = { kind: "attempt", number, from: null, to: at, isOpen: false, outcome, reason };
  return [...closed(timeline, at, "interrupted"), attempt];
}

/** A job that fails while it waits, for example as it has stalled too often, fails without an attempt. */
function failed(timeline: Timeline, at: string, reason: string | null): Timeline {
  const last = timeline.at(-1);
  const isAtWork = last?.kind === "attempt" && last.isOpen;
  const before = isAtWork ? ended(timeline, at, "failed", reason, null) : closed(timeline, at, "interrupted");
  return bounded([...before, { kind: "end", outcome: "failed", at, reason: isAtWork ? null : reason }]);
}

/** BullMQ says it after it has put the job back. */
function stalled(timeline: Timeline): Timeline {
  const index = timeline.findLastIndex(({ kind }) => kind === "attempt");
  const attempt = timeline[index];
  if (attempt?.kind !== "attempt" || (attempt.outcome !== null && attempt.outcome !== "interrupted")) return timeline;
  return timeline.with(index, { ...attempt, outcome: "stalled", isOpen: false });
}

function bounded(timeline: Timeline): Timeline {
  return timeline.length > MAX_STEPS ? timeline.slice(-MAX_STEPS) : timeline;
}

function headOf(timeline: Timeline): string | null {
  const first = timeline[0];
  return first?.kind === "wait" ? first.from : null;
}

function tailOf(timeline: Timeline): string {
  const attempts = timeline.flatMap((step) => (step.kind === "attempt" ? [step.number] : []));
  const last = timeline.at(-1);
  const end = last?.kind === "wait" ? last.state : last?.kind === "end" ? last.outcome : last?.kind;
  return `${attempts.at(-1) ?? 0} ${end}`;
}
