import type { FactBatch, Gap, Position } from "../../../src/sources/fact.ts";
import type { JobReader } from "../../../src/sources/job-reader.ts";
import type { JobSnapshot } from "../../../src/sources/snapshot-reader.ts";
import type { Told } from "./facts.ts";
import { active, added, completed, factsOf, log, progress, START_MS } from "./facts.ts";
import { fakeReader, snapshotOf } from "./fake-reader.ts";

/** What happens to a job, or with `paused` to its queue. */
export const KINDS = ["added", "active", "progress", "log", "completed", "paused"] as const;
export type Kind = (typeof KINDS)[number];

export interface Happening {
  kind: Kind;
  jobId: string;
}

const BEGINNING: Position = { events: `${START_MS - 1}-0`, logs: `${START_MS - 1}-0` };

/** One queue in Redis: everything that is ever written, and how far that, the reading and the trimming have come. */
export class SimulatedQueue {
  readonly name: string;
  readonly happenings: readonly Happening[];
  /** Whether jobs are removed as they end. */
  readonly removesEnded: boolean;
  readonly #facts: ReturnType<typeof factsOf>;
  /** Counts of facts: those before `trimmed` are gone from the streams. */
  written = 0;
  published = 0;
  trimmed = 0;
  /** How many were written when a job's snapshot was read last, by job. */
  readonly snapshotAt = new Map<string, number>();

  constructor(name: string, happenings: readonly Happening[], removesEnded: boolean) {
    this.name = name;
    this.removesEnded = removesEnded;
    this.happenings = happenings;
    const told = happenings.map(({ kind, jobId }, index) => toldOf(kind, jobId, index));
    this.#facts = factsOf(told, { queue: name });
  }

  get length(): number {
    return this.happenings.length;
  }

  /** Where the streams stood after so many facts. */
  positionAfter(count: number): Position {
    const position = { ...BEGINNING };
    for (const { kind, streamId } of this.#facts.slice(0, count))
      position[kind === "log" ? "logs" : "events"] = streamId;
    return position;
  }

  /** After how many facts the streams stood so. */
  countAt({ events, logs }: Position): number {
    return this.#facts.filter(({ kind, streamId }) => streamId <= (kind === "log" ? logs : events)).length;
  }

  write(count: number): void {
    this.written = Math.min(this.length, this.written + count);
  }

  /** The next facts as the source hands them on; with a gap, those before them are lost. */
  nextBatch(count: number, gap: Gap | null = null, lost = 0): FactBatch {
    const from = Math.min(this.written, this.published + lost);
    const to = Math.min(this.written, from + count);
    this.published = to;
    if (gap) this.trimmed = from;
    const [start, end] = [this.positionAfter(from), this.positionAfter(to)];
    return { queue: this.name, gap, start, end, facts: this.#facts.slice(from, to) };
  }

  past(upTo: Position) {
    const to = this.countAt(upTo);
    const facts = this.#facts.slice(Math.min(this.trimmed, to), to);
    const start = this.positionAfter(Math.min(this.trimmed, to));
    return { queue: this.name, start, ids: new Set(facts.map(({ streamId }) => streamId)), facts };
  }

  /** How a job stands by what is written of it. */
  snapshot(jobId: string): JobSnapshot {
    this.snapshotAt.set(jobId, this.written);
    const own = this.happenings.slice(0, this.written).filter((each) => each.jobId === jobId && isOfLife(each.kind));
    const isEnded = own.at(-1)?.kind === "completed";
    const exists = own.length > 0 && !(isEnded && this.removesEnded);
    return snapshotOf({
      queue: this.name,
      jobId,
      position: this.positionAfter(this.written),
      exists,
      state: exists ? (isEnded ? "completed" : "active") : "unknown",
      name: exists ? "mail" : null,
      attemptsMade: exists ? Number(isEnded) : null,
      firstLine: 0,
    });
  }
}

/** Whether a job must be there for this to happen; lines may be written late. */
export function isOfLife(kind: Kind): boolean {
  return kind !== "paused" && kind !== "log";
}

function toldOf(kind: Kind, jobId: string, index: number): Told {
  switch (kind) {
    case "added":
      return added(jobId);
    case "active":
      return active(jobId);
    case "progress":
      return progress(index, jobId);
    case "log":
      return log(`line ${index}`, jobId);
    case "completed":
      return completed(index, jobId);
    case "paused":
      return { kind: "paused" };
  }
}

/** Redis as the notifier asks it; each answer takes as many turns of the event loop as the test says. */
export function readerOf(
  queues: ReadonlyMap<string, SimulatedQueue>,
  turns: () => number,
): JobReader & { isSettled: boolean } {
  const of = (name: string) => {
    const queue = queues.get(name);
    if (!queue) throw new Error(`there is no queue "${name}"`);
    return queue;
  };
  async function afterTurns<Answer>(answer: Answer): Promise<Answer> {
    for (let left = turns(); left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
    return answer;
  }
  return fakeReader({
    // What happened is long past by the clock of the test.
    now: () => START_MS,
    isSettled: false,
    past: (queue, upTo) => afterTurns(of(queue).past(upTo)),
    snapshots: (keys) => afterTurns(keys.map(({ queue, jobId }) => of(queue).snapshot(jobId))),
    jobsSince: (queue) =>
      afterTurns({ ids: [...new Set(of(queue).happenings.map(({ jobId }) => jobId))], truncated: false }),
  });
}
