import type { Fact, FactBatch, Position } from "../../../src/sources/fact.ts";
import type { JobHash } from "../../../src/sources/stream-queries.ts";

type WithoutOrigin<T> = T extends unknown ? Omit<T, "queue" | "streamId" | "atMs"> : never;

/** What a fact says, without where and when it was read. */
export type Told = WithoutOrigin<Fact>;

export const START_MS = 1_700_000_000_000;

export const added = (jobId = "1", name = "mail"): Told => ({ kind: "added", jobId, name });
export const waiting = (jobId = "1", previous: string | null = null): Told => ({ kind: "waiting", jobId, previous });
/** Back to waiting straight after being active: a failed attempt, a stall, a rate limit. */
export const back = (jobId = "1"): Told => waiting(jobId, "active");
export const active = (jobId = "1"): Told => ({ kind: "active", jobId });
export const delayed = (jobId = "1", dueAtMs = START_MS + 60_000): Told => ({ kind: "delayed", jobId, dueAtMs });
export const progress = (value: unknown, jobId = "1"): Told => ({ kind: "progress", jobId, value });
export const completed = (value: unknown = null, jobId = "1"): Told => ({ kind: "completed", jobId, value });
export const failed = (reason: string | null = "boom", jobId = "1"): Told => ({ kind: "failed", jobId, reason });
export const stalled = (jobId = "1"): Told => ({ kind: "stalled", jobId });
export const log = (content: string, jobId = "1"): Told => ({
  kind: "log",
  jobId,
  level: "info",
  content,
  loggedAtMs: null,
  data: null,
  dropped: null,
});

export interface Origin {
  queue?: string;
  /** Time of the first fact; each further one is a millisecond later. */
  atMs?: number;
}

/** The facts as a source would hand them on. */
export function factsOf(told: readonly Told[], { queue = "emails", atMs = START_MS }: Origin = {}): Fact[] {
  return told.map((what, index) => ({ ...what, queue, streamId: `${atMs + index}-0`, atMs: atMs + index }) as Fact);
}

/** One batch with these facts, its positions following from them. */
export function batchOf(told: readonly Told[], origin: Origin = {}): FactBatch {
  const { queue = "emails", atMs = START_MS } = origin;
  const facts = factsOf(told, origin);
  const start: Position = { events: `${atMs - 1}-0`, logs: `${atMs - 1}-0` };
  const end = { ...start };
  for (const fact of facts) end[fact.kind === "log" ? "logs" : "events"] = fact.streamId;
  return { queue, gap: null, start, end, facts };
}

/** The hash of a job as BullMQ writes it: `atm` counts the attempts that have ended. */
export function hashOf(fields: Partial<JobHash> & { attempts?: number } = {}): JobHash {
  const { attempts = 3, ...rest } = fields;
  return {
    name: "mail",
    opts: JSON.stringify({ attempts }),
    atm: null,
    failedReason: null,
    stacktrace: null,
    ...rest,
  };
}

/** What is read of a job that is gone. */
export const GONE: JobHash = { name: null, opts: null, atm: null, failedReason: null, stacktrace: null };
