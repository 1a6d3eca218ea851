import type { ChainableCommander } from "ioredis";
import type { ListedState } from "../protocol/queue-summary.ts";
import type { JobDetail } from "./job-detail.ts";
import { readJobDetail } from "./job-detail.ts";
import type { JobFields } from "./job-fields.ts";
import { readJobFields, SUMMARY_FIELDS } from "./job-fields.ts";
import type { JobKey } from "./job-key.ts";
import type { Places, Slot } from "./page-plan.ts";
import { planPage, statesFrom } from "./page-plan.ts";
import type { RedisConnection } from "./redis-connections.ts";
import { answerOf } from "./reply.ts";
import { isMarker, STATE_KEYS } from "./state-keys.ts";

/** What is asked of the list of all jobs. */
export interface JobQuery {
  queues: readonly string[];
  states: readonly ListedState[];
  /** Slots looked at; no more jobs than that are answered. */
  limit: number;
  /** Where the page before ended; null for the first. */
  after: Slot | null;
}

/** A job where it was found; by the time its hash is read it may have moved on. */
export interface ListedJob extends JobKey {
  state: ListedState;
  fields: JobFields;
}

/** The progress that a job of a list is shown with, at most, bytes of JSON. */
const MAX_PROGRESS_BYTES = 1024;
const PROGRESS = SUMMARY_FIELDS.indexOf("progress");
/** Commands sent at once. */
const CHUNK = 500;

type Ask = (pipeline: ChainableCommander) => void;

/** A run of ids of one key. */
interface Range {
  state: ListedState;
  queue: string;
  start: number;
  stop: number;
}

/** Reads pages of the jobs of queues, and single ones in detail. What a page costs Redis is bounded by the number of queues and by `limit`. */
export class JobList {
  readonly #connection: RedisConnection;
  readonly #prefix: string;

  constructor(connection: RedisConnection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  /**
   * One page, and the last slot of it; null when nothing comes after. Jobs that are gone by now are left out, so that a
   * page may have fewer than it looked for, and even none before the end.
   *
   * @throws {Error} when Redis does not answer, or does not let its user read jobs.
   */
  async read({ queues, states, limit, after }: JobQuery): Promise<{ jobs: ListedJob[]; last: Slot | null }> {
    const places = await this.#places([...queues].sort(), statesFrom(states, after));
    const { slots, isEnd } = planPage(places, limit, after);
    const found = await this.#idsAt(slots);
    const hashes = await this.#run(
      found.map((key) => (pipeline) => pipeline.hmget(this.#base(key.queue, key.jobId), ...SUMMARY_FIELDS)),
    );
    const jobs = found.flatMap((key, index) => {
      const values = (hashes[index] ?? []) as (string | null)[];
      if (Buffer.byteLength(values[PROGRESS] ?? "") > MAX_PROGRESS_BYTES) values[PROGRESS] = null;
      const fields = readJobFields(values, SUMMARY_FIELDS);
      return fields.exists ? [{ ...key, fields }] : [];
    });
    return { jobs, last: isEnd ? null : (slots.at(-1) ?? null) };
  }

  /**
   * What one job was given and what it threw.
   *
   * @throws {Error} as `read` does.
   */
  detail(key: JobKey): Promise<JobDetail> {
    return readJobDetail(this.#connection, this.#prefix, key);
  }

  async #places(queues: readonly string[], states: readonly ListedState[]): Promise<Places[]> {
    const places = states.flatMap((state) => queues.map((queue) => ({ state, queue })));
    const lengths = await this.#run(
      places.map(({ state, queue }) => (pipeline) => {
        const { suffix, isList } = STATE_KEYS[state];
        const key = this.#base(queue, suffix);
        if (isList) pipeline.llen(key);
        else pipeline.zcard(key);
      }),
    );
    return places.map((place, index) => ({ ...place, length: Number(lengths[index] ?? 0) }));
  }

  /** Which jobs are at these slots, in their order. */
  async #idsAt(slots: readonly Slot[]): Promise<(JobKey & { state: ListedState })[]> {
    const ranges = new Map<string, Range>();
    for (const { state, queue, rank } of slots) {
      const key = this.#base(queue, STATE_KEYS[state].suffix);
      const range = ranges.get(key);
      if (range) range.stop = rank;
      else ranges.set(key, { state, queue, start: rank, stop: rank });
    }
    const answers = await this.#run(
      [...ranges].map(([key, { state, start, stop }]) => (pipeline) => {
        const { isList, isReversed } = STATE_KEYS[state];
        if (isList) pipeline.lrange(key, start, stop);
        else if (isReversed) pipeline.zrange(key, `${start}`, `${stop}`, "REV");
        else pipeline.zrange(key, `${start}`, `${stop}`);
      }),
    );
    const idsOf = new Map([...ranges.keys()].map((key, index) => [key, (answers[index] ?? []) as string[]]));
    const seen = new Set<string>();
    return slots.flatMap(({ state, queue, rank }) => {
      const key = this.#base(queue, STATE_KEYS[state].suffix);
      const jobId = idsOf.get(key)?.[rank - (ranges.get(key)?.start ?? 0)];
      // One that moved while the page was read is shown where it was first.
      if (jobId === undefined || isMarker(jobId) || seen.has(this.#base(queue, jobId))) return [];
      seen.add(this.#base(queue, jobId));
      return [{ state, queue, jobId }];
    });
  }

  async #run(commands: readonly Ask[]): Promise<unknown[]> {
    const answers: unknown[] = [];
    for (let start = 0; start < commands.length; start += CHUNK) {
      const replies = await this.#connection.ask((pipeline) => {
        for (const ask of commands.slice(start, start + CHUNK)) ask(pipeline);
      });
      answers.push(...replies.map(answerOf));
    }
    return answers;
  }

  #base(queue: string, suffix: string): string {
    return `${this.#prefix}:${queue}:${suffix}`;
  }
}
