import type { JobView, ServerMessage } from "../../../client/index.ts";
import { applyMessage, unknownJob } from "../../../client/index.ts";
import type { JobSummary } from "../../../protocol/job-summary.ts";
import { jobTopic } from "../../../protocol/topic.ts";
import { cutText } from "../../cut-text.ts";

/** Characters kept of a reason or a log line, and of a progress that is not a number, as JSON. */
const MAX_TEXT = 300;
const MAX_PROGRESS_TEXT = 1024;

/** One job of the table. Changed in place, so that a message costs no more than its own row. */
export class JobRow {
  /** The job's topic, which no other job has. */
  readonly key: string;
  readonly queue: string;
  readonly id: string;
  /** What is known of the job, without what the table does not show. Replaced at each change. */
  view: JobView;
  /** When it was added, epoch ms; where that is not known, when it was first heard of. The order of the table. */
  addedAtMs: number;
  /** When a delayed job is due, ISO 8601; null when not known. */
  dueAt: string | null = null;
  /** Whether a worker has lost the job since it was added. */
  hasStalled = false;
  /** Number of the message it was last heard of in; 0 when by no message. */
  heardAt = 0;
  /** Whether it passes the filter. */
  isShown = false;

  constructor(queue: string, id: string, addedAtMs: number) {
    this.key = jobTopic(queue, id);
    this.queue = queue;
    this.id = id;
    this.view = unknownJob(queue, id);
    this.addedAtMs = addedAtMs;
  }

  /** Takes in a message about it, or a gap; answers whether that changed anything. */
  receive(message: ServerMessage): boolean {
    const view = applyMessage(this.view, message, 1);
    if (view === this.view) return false;
    this.view = slim(view, this.view);
    if (message.type === "task_added") this.hasStalled = false;
    if (message.type === "task_stalled") this.hasStalled = true;
    if (message.type !== "logs" && message.type !== "task_progress") this.dueAt = dueAtOf(message);
    return true;
  }

  /** Takes over what was read of it. Where it was heard of since, only what messages do not tell. */
  read(job: JobSummary, { isOlder }: { isOlder: boolean }): void {
    const { view } = this;
    const told = {
      name: view.name ?? job.name,
      attempts: view.attempts ?? job.attempts,
      addedAt: job.added_at ?? view.addedAt,
    };
    if (isOlder) {
      const startedAt = view.startedAt ?? (view.attempt === job.attempt ? job.started_at : null);
      this.view = { ...view, ...told, startedAt };
      return;
    }
    const read = {
      // Jobs that a paused queue has set aside wait.
      state: job.state === "paused" ? ("waiting" as const) : job.state,
      progress: job.progress,
      attempt: job.attempt,
      startedAt: job.started_at,
      finishedAt: job.finished_at,
      failedReason: job.failed_reason,
      isStale: false,
    };
    this.view = slim({ ...view, ...told, ...read }, view);
    if (job.state !== "delayed") this.dueAt = null;
  }
}

/** The order of the table, the oldest first. Ids of BullMQ are numbers that grow longer. */
export function compareRows(one: JobRow, other: JobRow): number {
  return (
    one.addedAtMs - other.addedAtMs ||
    compareTexts(one.queue, other.queue) ||
    one.id.length - other.id.length ||
    compareTexts(one.id, other.id)
  );
}

function compareTexts(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** Ten thousand rows are held: none of them may be large. */
function slim(view: JobView, before: JobView): JobView {
  return {
    ...view,
    result: null,
    progress: view.progress === before.progress ? before.progress : smallProgress(view.progress),
    failedReason: view.failedReason === null ? null : cutText(view.failedReason, MAX_TEXT),
    logs: view.logs.map((line) =>
      line.content === null ? line : { ...line, content: cutText(line.content, MAX_TEXT) },
    ),
  };
}

function smallProgress(progress: unknown): unknown {
  if (typeof progress === "string") return cutText(progress, MAX_TEXT);
  if (typeof progress !== "object" || progress === null) return progress;
  return JSON.stringify(progress).length > MAX_PROGRESS_TEXT ? null : progress;
}

function dueAtOf({ type, content, meta }: ServerMessage): string | null {
  const dueAt = type === "task_delayed" ? content : type === "task_retrying" ? meta.retry_at : null;
  return typeof dueAt === "string" ? dueAt : null;
}
