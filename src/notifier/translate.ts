import type { JobMessageType, MessageMeta, QueueMessageType } from "../protocol/message.ts";
import type { Fact } from "../sources/fact.ts";

/** What a message needs to know of a job beyond the fact it tells. */
export interface JobView {
  /** The attempt under way, else the last one made; 0 before the first; null when unknowable. */
  attempt: number | null;
  /** Most attempts the job may have; null when not asked for. */
  attempts: number | null;
  /** Whether the fact ended an attempt that will be tried again. */
  attemptFailed: boolean;
  /** Why that attempt failed; null when unknowable. */
  reason: string | null;
  /** Whether the job had ended before this fact. */
  hasEnded: boolean;
}

/** The part of a message that depends on what happened. */
export interface Translation {
  type: JobMessageType | QueueMessageType | "logs";
  content: unknown;
  meta: MessageMeta;
}

/** The event table of `docs/PROTOCOL.md`: one fact makes one message. */
export function translate(fact: Fact, job: JobView): Translation {
  switch (fact.kind) {
    case "added":
      return { type: "task_added", content: null, meta: {} };
    case "active":
      return { type: "task_active", content: null, meta: {} };
    case "stalled":
      return { type: "task_stalled", content: null, meta: {} };
    case "waiting-children":
      return { type: "task_waiting_children", content: null, meta: {} };
    case "removed":
      return { type: "task_removed", content: null, meta: {} };
    case "waiting":
      return job.attemptFailed ? retrying(job, fact.atMs) : { type: "task_waiting", content: null, meta: {} };
    case "delayed":
      if (job.attemptFailed) return retrying(job, fact.dueAtMs);
      return { type: "task_delayed", content: toIso(fact.dueAtMs), meta: {} };
    case "progress":
      return { type: "task_progress", content: fact.value, meta: {} };
    case "completed":
      return { type: "task_success", content: fact.value, meta: {} };
    case "failed":
      return { type: "task_failed", content: fact.reason, meta: {} };
    case "paused":
    case "resumed":
    case "drained":
      return { type: `queue_${fact.kind}`, content: null, meta: {} };
    case "cleaned":
      return { type: "queue_cleaned", content: fact.count, meta: {} };
    case "log":
      return {
        type: "logs",
        content: fact.content,
        meta: {
          level: fact.level,
          logged_at: fact.loggedAtMs === null ? null : toIso(fact.loggedAtMs),
          ...(fact.data !== null && { data: fact.data }),
          ...(fact.dropped !== null && { dropped: fact.dropped }),
          ...(job.hasEnded && { late: true }),
        },
      };
  }
}

function retrying(job: JobView, retryAtMs: number): Translation {
  return {
    type: "task_retrying",
    content: job.reason,
    meta: { attempts: job.attempts, retry_at: toIso(retryAtMs) },
  };
}

/** The last time asked for: many facts happen within one millisecond. */
let last = { epochMs: 0, iso: new Date(0).toISOString() };

export function toIso(epochMs: number): string {
  if (epochMs !== last.epochMs) last = { epochMs, iso: new Date(epochMs).toISOString() };
  return last.iso;
}
