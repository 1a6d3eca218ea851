import type { SourceState } from "./source-status.ts";

/** States of a job by which BullMQ keeps its jobs, in the order in which they are listed. */
export const LISTED_STATES = [
  "active",
  "waiting",
  "prioritized",
  "delayed",
  "waiting-children",
  "paused",
  "failed",
  "completed",
] as const;

/** `paused` are jobs that BullMQ 5 has set aside while their queue is paused; BullMQ 6 leaves them waiting. */
export type ListedState = (typeof LISTED_STATES)[number];

/** How a queue stands. Null is what has not been read yet. */
export interface QueueSummary {
  queue: string;
  is_paused: boolean | null;
  /** How many jobs the queue has, by state. */
  counts: Record<ListedState, number> | null;
  /** When they were counted, ISO 8601; older ones stay while Redis does not answer. */
  counted_at: string | null;
  /** Age of the newest event when it was handed on, ms; 0 when there is nothing more to read. */
  lag_ms: number | null;
  /** What its events are read by is doing. */
  state: SourceState;
  /** Events read of it since it was attached; what comes in a time is the difference. */
  events_total: number;
}
