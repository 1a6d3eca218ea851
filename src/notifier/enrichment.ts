import type { Logger } from "../logger.ts";
import type { Fact } from "../sources/fact.ts";
import type { JobKey } from "../sources/job-key.ts";
import { keyOf } from "../sources/job-key.ts";
import type { JobLogLines } from "../sources/job-log-tail.ts";
import type { JobReader } from "../sources/job-reader.ts";
import { afterPendingReads } from "../sources/redis-connections.ts";
import type { JobHash } from "../sources/stream-queries.ts";

/** How long facts wait for what Redis says of their jobs; after that they are told without. */
const TIMEOUT_MS = 250;

/** What is known of the jobs of a batch before its facts are told. */
export interface Enriched {
  hashes: ReadonlyMap<string, JobHash>;
  /** What is left of the logs of jobs that end in the batch; null where it could not be read, and is told later. */
  logEnds: Map<string, JobLogLines | null>;
}

/** Asks Redis what the facts of a batch do not say, all in one round trip, and not for long. */
export class Enrichment {
  readonly #reader: JobReader;
  /** Takes lines that came too late for their batch. */
  readonly #acceptLate: (lines: JobLogLines) => void;
  readonly #logger: Logger;

  constructor(reader: JobReader, acceptLate: (lines: JobLogLines) => void, logger: Logger) {
    this.#reader = reader;
    this.#acceptLate = acceptLate;
    this.#logger = logger;
  }

  /** Reads the hashes of some jobs and the last lines of those that end; nothing is waited for where there are none. */
  enrich(unknown: readonly JobKey[], ending: readonly JobKey[]): Enriched | Promise<Enriched> {
    return unknown.length + ending.length === 0
      ? { hashes: new Map(), logEnds: new Map() }
      : this.#ask(unknown, ending);
  }

  async #ask(unknown: readonly JobKey[], ending: readonly JobKey[]): Promise<Enriched> {
    const [hashes, logEnds] = await Promise.all([this.#hashes(unknown), this.#logEnds(ending)]);
    return { hashes, logEnds };
  }

  async #hashes(keys: readonly JobKey[]): Promise<Map<string, JobHash>> {
    if (keys.length === 0) return new Map();
    const hashes = await this.#inTime(this.#reader.hashes(keys), "told without names and attempts");
    return new Map(keys.flatMap((key, index) => (hashes?.[index] ? [[keyOf(key), hashes[index]]] : [])));
  }

  async #logEnds(keys: readonly JobKey[]): Promise<Map<string, JobLogLines | null>> {
    if (keys.length === 0) return new Map();
    const read = this.#reader.logEnds(keys, { isPast: false });
    const logEnds = await this.#inTime(read, "told without their last lines");
    if (logEnds) return new Map(keys.map((key) => [keyOf(key), logEnds.get(keyOf(key)) ?? { ...key, lines: [] }]));
    const acceptLate = (late: Map<string, JobLogLines>) => {
      for (const lines of late.values()) this.#acceptLate(lines);
    };
    // One that fails is told by the tail itself when Redis is back.
    read.then(acceptLate, () => undefined);
    return new Map(keys.map((key) => [keyOf(key), null]));
  }

  /** Null when the answer does not come in time, or never. */
  async #inTime<Answer>(answer: Promise<Answer>, otherwise: string): Promise<Answer | null> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      const late = () => reject(new Error(`no answer within ${TIMEOUT_MS} ms`));
      timer = setTimeout(afterPendingReads, TIMEOUT_MS, late);
    });
    try {
      return await Promise.race([answer, deadline]);
    } catch (error) {
      this.#logger.debug({ reason: String(error) }, otherwise);
      return null;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The jobs that end in a batch, each once. */
export function endingIn(facts: readonly Fact[], isWanted: (job: JobKey) => boolean): JobKey[] {
  const ending = new Map<string, JobKey>();
  for (const fact of facts) {
    if (fact.kind !== "completed" && fact.kind !== "failed") continue;
    const job = { queue: fact.queue, jobId: fact.jobId };
    if (isWanted(job)) ending.set(keyOf(job), job);
  }
  return [...ending.values()];
}
