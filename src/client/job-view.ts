import type { JobState, SnapshotContent } from "../protocol/snapshot.ts";
import type { MessageOf, ServerMessage } from "./server-message.ts";
import { isType, jobOf } from "./server-message.ts";

/** Log lines that a view holds unless told otherwise. */
export const DEFAULT_MAX_LOG_LINES = 1000;

/** One line of a job's log, or the mark that lines are missing here. */
export interface JobLogLine {
  /** Null where lines are missing. */
  content: string | null;
  /** Number of the line in the job's own log, from 0; null when it has none. */
  line: number | null;
  /** Null for lines of BullMQ's own `job.log()`. */
  level: string | null;
  /** When it was logged, ISO 8601; null when not known. */
  timestamp: string | null;
  /** How many lines are missing here; null when not known, 0 on a line. */
  dropped: number | null;
}

/** What is known of one job. Null is what is not known, or not so. Times are ISO 8601. Never changed: replaced. */
export interface JobView {
  readonly queue: string;
  readonly id: string;
  /** `unknown` as long as nothing was told of the job, and when BullMQ has it nowhere any more. */
  readonly state: JobState;
  readonly name: string | null;
  readonly progress: unknown;
  /** The attempt under way, else the last one made; 0 before the first. */
  readonly attempt: number | null;
  /** How many attempts the job has. */
  readonly attempts: number | null;
  readonly result: unknown;
  readonly failedReason: string | null;
  /** The newest lines, oldest first. */
  readonly logs: readonly JobLogLine[];
  /** How many lines of the log are not in `logs`; null when not known. */
  readonly logsDropped: number | null;
  readonly addedAt: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** Whether messages about the unfinished job may have been missed, so that its state may be out of date. */
  readonly isStale: boolean;
}

const BLANK = {
  state: "unknown",
  name: null,
  progress: null,
  attempt: null,
  attempts: null,
  result: null,
  failedReason: null,
  logs: [],
  logsDropped: 0,
  addedAt: null,
  startedAt: null,
  finishedAt: null,
  isStale: false,
} as const;

/** A job nothing is known of. */
export function unknownJob(queue: string, id: string): JobView {
  return { queue, id, ...BLANK };
}

/** Whether a job has completed or failed. */
export function isFinished({ state }: JobView): boolean {
  return state === "completed" || state === "failed";
}

/**
 * What is known of a job after a message. The same view when the message says nothing of this job.
 *
 * @param maxLogLines how many log lines are kept, the newest. Default 1,000.
 */
export function applyMessage(view: JobView, message: ServerMessage, maxLogLines = DEFAULT_MAX_LOG_LINES): JobView {
  if (isType(message, "gap")) return applyGap(view, message);
  const job = jobOf(message);
  if (job?.queue !== view.queue || job.id !== view.id) return view;
  if (isType(message, "snapshot")) return applySnapshot(view, message.content, maxLogLines);
  if (isType(message, "logs")) return withLine(named(view, message), lineOf(message), maxLogLines);
  const change = changeBy(view, message);
  if (!change) return view;
  const { attempt, attempts } = message.meta;
  return {
    ...named(view, message),
    isStale: false,
    ...(typeof attempt === "number" && { attempt }),
    ...(typeof attempts === "number" && { attempts }),
    ...change,
  };
}

/** What one job message changes; null when it is none. */
function changeBy(view: JobView, { type, content, meta, timestamp }: ServerMessage): Partial<JobView> | null {
  switch (type) {
    case "task_added":
      // A new job, even where the id has been seen before.
      return { ...BLANK, state: "waiting", name: nameIn(meta), attempt: attemptIn(meta), addedAt: timestamp };
    case "task_waiting":
      return { state: "waiting", ...(isFinished(view) && REOPENED) };
    case "task_waiting_children":
      return { state: "waiting-children" };
    case "task_delayed":
      return { state: "delayed" };
    case "task_active":
      return { state: "active", startedAt: timestamp, ...(isFinished(view) && { ...REOPENED, startedAt: timestamp }) };
    case "task_progress":
      // It may come late; who joined in the middle learns by it that the job is at work.
      return { progress: content, ...(view.state === "unknown" && { state: "active" }) };
    case "task_retrying":
      return { state: isLater(meta.retry_at, timestamp) ? "delayed" : "waiting", failedReason: textIn(content) };
    case "task_stalled":
      return {};
    case "task_success":
      return { state: "completed", result: content, failedReason: null, finishedAt: timestamp };
    case "task_failed":
      return { state: "failed", failedReason: textIn(content), finishedAt: timestamp };
    case "task_removed":
      // How it ended stays true of a job that is cleared away afterwards.
      return isFinished(view) ? {} : { state: "unknown" };
    default:
      return null;
  }
}

const REOPENED = { result: null, failedReason: null, startedAt: null, finishedAt: null } as const;

function applyGap(view: JobView, { content: { queue } }: MessageOf<"gap">): JobView {
  const concerns = (queue === null || queue === view.queue) && !isFinished(view);
  return concerns && !view.isStale ? { ...view, isStale: true } : view;
}

function applySnapshot(view: JobView, content: SnapshotContent, maxLogLines: number): JobView {
  if (content.state === "unknown") {
    // The job is gone. What was seen of it stays worth showing, above all how it ended.
    return { ...view, isStale: false, ...(!isFinished(view) && { state: "unknown" }) };
  }
  const all = content.logs.map((line): JobLogLine => ({ ...line, dropped: 0 }));
  const logs = newest(all, maxLogLines);
  return {
    queue: view.queue,
    id: view.id,
    state: content.state,
    name: content.name,
    progress: content.progress,
    attempt: content.attempt,
    attempts: content.attempts,
    result: content.result,
    failedReason: content.failed_reason,
    logs,
    logsDropped: content.logs_truncated ? missingBefore(logs) : all.length - logs.length,
    addedAt: content.added_at,
    startedAt: content.started_at,
    finishedAt: content.finished_at,
    isStale: false,
  };
}

/**
 * How many lines are missing from a truncated log; null when that is not known. Numbered lines, those of `job.log()`, come
 * first and say it by the first number, unless all of them are there: then others are missing, which have no numbers.
 */
export function missingBefore(logs: readonly { line: number | null }[]): number | null {
  const first = logs[0]?.line ?? null;
  return first === 0 && logs.some(({ line }) => line === null) ? null : first;
}

function lineOf({ content, meta }: MessageOf<"logs">): JobLogLine {
  return {
    content,
    line: typeof meta.line === "number" ? meta.line : null,
    level: textIn(meta.level),
    timestamp: textIn(meta.logged_at),
    dropped: content !== null ? 0 : typeof meta.dropped === "number" ? meta.dropped : null,
  };
}

function withLine(view: JobView, line: JobLogLine, maxLogLines: number): JobView {
  const all = [...view.logs, line];
  const logs = newest(all, maxLogLines);
  // A mark was counted when it came; it does not count again when it leaves.
  const left = all.slice(0, all.length - logs.length).filter(({ content }) => content !== null).length;
  const { logsDropped } = view;
  return {
    ...view,
    logs,
    logsDropped: logsDropped === null || line.dropped === null ? null : logsDropped + line.dropped + left,
  };
}

function newest(lines: readonly JobLogLine[], limit: number): readonly JobLogLine[] {
  return lines.length > limit ? lines.slice(lines.length - limit) : lines;
}

function named(view: JobView, { meta }: ServerMessage): JobView {
  const name = nameIn(meta);
  return name === null ? view : { ...view, name };
}

function nameIn({ name }: ServerMessage["meta"]): string | null {
  return textIn(name);
}

function attemptIn({ attempt }: ServerMessage["meta"]): number | null {
  return typeof attempt === "number" ? attempt : null;
}

function textIn(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function isLater(time: unknown, than: string): boolean {
  return typeof time === "string" && Date.parse(time) > Date.parse(than);
}
