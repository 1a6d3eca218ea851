/** Id of a Redis stream entry, `<milliseconds>-<sequence>`; the milliseconds are Redis' clock. */
export type StreamId = string;

interface FactOfQueue {
  queue: string;
  /** Entry this fact was read from. */
  streamId: StreamId;
  /** When it happened, by Redis' clock, epoch ms. */
  atMs: number;
}

interface FactOfJob extends FactOfQueue {
  jobId: string;
}

/** A fact about one job, read from BullMQ and normalised. */
export type JobEvent = FactOfJob &
  (
    | { kind: "added"; name: string | null }
    | { kind: "waiting"; previous: string | null }
    | { kind: "delayed"; dueAtMs: number }
    | { kind: "progress"; value: unknown }
    | { kind: "completed"; value: unknown }
    | { kind: "failed"; reason: string | null }
    | { kind: "active" | "stalled" | "waiting-children" | "removed" }
  );

/** A fact about a whole queue. */
export type QueueEvent = FactOfQueue &
  ({ kind: "paused" | "resumed" | "drained" } | { kind: "cleaned"; count: number | null });

/** One line of a job's log, or, with `dropped`, the mark that lines are missing here. */
export type LogEvent = FactOfJob & {
  kind: "log";
  level: string | null;
  /** Null where lines are missing. */
  content: string | null;
  /** When the worker logged it, by the worker's clock, epoch ms. */
  loggedAtMs: number | null;
  /** Further fields of the log call. */
  data: unknown;
  /** How many lines are missing here; null on ordinary lines. */
  dropped: number | null;
};

export type Fact = JobEvent | QueueEvent | LogEvent;

/** The stream a fact was read from. */
export function streamOf({ kind }: Fact): keyof Position {
  return kind === "log" ? "logs" : "events";
}

/** How far a queue's two streams have been read. */
export interface Position {
  events: StreamId;
  logs: StreamId;
}

/** How far they have been read when a fact has. */
export function positionAfter({ events, logs }: Position, fact: Fact): Position {
  return fact.kind === "log" ? { events, logs: fact.streamId } : { events: fact.streamId, logs };
}

/** History of a queue that can no longer be read. */
export interface Gap {
  /** Entries lost; null when their number is not known. */
  missed: number | null;
}

/** Facts of one queue in the order in which viewers must see them. */
export interface FactBatch {
  queue: string;
  /** What is missing before the first fact; null when nothing is. */
  gap: Gap | null;
  /** Where the streams stood before the first fact. */
  start: Position;
  /** Where they stand after the last one; entries that made no fact are counted in. */
  end: Position;
  facts: Fact[];
}

/** Takes facts in. */
export interface FactSink {
  /**
   * Hands facts on. Calls are carried out in the order in which they were made. Resolves when the facts are handed on;
   * a source SHOULD wait for that before it hands on more, so that a slow sink slows the reading. MUST NOT reject.
   */
  accept(batches: readonly FactBatch[]): Promise<void>;
}

/** The last entry that a millisecond can have. */
export const MAX_SEQUENCE = "18446744073709551615";

/** Milliseconds part of a stream id. */
export function millisecondsOf(id: StreamId): number {
  return Number(id.slice(0, id.indexOf("-")));
}

/** Orders stream ids: negative when `a` comes before `b`. Both parts may exceed what a number holds exactly. */
export function compareStreamIds(a: StreamId, b: StreamId): number {
  if (a === b) return 0;
  const [aDash, bDash] = [a.indexOf("-"), b.indexOf("-")];
  // Digits of the same number are ordered as text is.
  if (aDash === bDash && a.length === b.length) return a < b ? -1 : 1;
  return compareDigits(a.slice(0, aDash), b.slice(0, bDash)) || compareDigits(a.slice(aDash + 1), b.slice(bDash + 1));
}

/** Whole numbers without leading zeros, as Redis writes them. */
function compareDigits(a: string, b: string): number {
  if (a === b) return 0;
  return a.length - b.length || (a < b ? -1 : 1);
}
