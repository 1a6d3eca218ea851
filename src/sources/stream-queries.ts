import type { StreamId } from "./fact.ts";
import type { RawEntry } from "./queue-feed.ts";
import type { RedisConnection } from "./redis-connections.ts";

/** Fields of a job's hash, in the order in which they are asked for. */
const JOB_FIELDS = ["name", "opts", "atm", "failedReason", "stacktrace"] as const;

/** What the hash of a job says; null fields are not set, and a job that is gone has none. */
export type JobHash = Record<(typeof JOB_FIELDS)[number], string | null>;

/** A command that does not block is answered by then, or never. */
const ANSWER_TIMEOUT_MS = 1500;

/** A job by its queue and id. */
export interface JobKey {
  queue: string;
  jobId: string;
}

/** Reads that do not block, on a connection of their own: it never waits behind a blocked one. */
export class StreamQueries {
  readonly #connection: RedisConnection;
  readonly #prefix: string;

  constructor(connection: RedisConnection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  /** The entries of a stream after an id, oldest first. */
  async entriesAfter(key: string, id: StreamId, count: number): Promise<RawEntry[]> {
    return this.#inTime(this.#connection.client.xrange(key, `(${id}`, "+", "COUNT", count));
  }

  /** The newest id of each stream, `0-0` for one that is empty or does not exist, or why it cannot be read. */
  async newestIds(keys: readonly string[]): Promise<(StreamId | Error)[]> {
    // Asked at the start, when the connection may still be opening.
    await this.#connection.whenReady(ANSWER_TIMEOUT_MS);
    const pipeline = this.#connection.client.pipeline();
    for (const key of keys) pipeline.xrevrange(key, "+", "-", "COUNT", 1);
    const replies = (await this.#inTime(pipeline.exec())) ?? [];
    return replies.map(([error, entries]) => {
      // Only what Redis itself answers is about the key; anything else is about the connection.
      if (error && error.name !== "ReplyError") throw error;
      return error ?? (entries as RawEntry[])[0]?.[0] ?? "0-0";
    });
  }

  /** The hashes of these jobs in one round trip, in their order. */
  async jobs(keys: readonly JobKey[]): Promise<JobHash[]> {
    const pipeline = this.#connection.client.pipeline();
    for (const { queue, jobId } of keys) pipeline.hmget(`${this.#prefix}:${queue}:${jobId}`, ...JOB_FIELDS);
    const replies = (await this.#inTime(pipeline.exec())) ?? [];
    return replies.map(([error, values]) => {
      // One that cannot be read, say because the key is no hash, is a job of which nothing is known.
      const [name, opts, atm, failedReason, stacktrace] = error ? [] : (values as (string | null)[]);
      return {
        name: name ?? null,
        opts: opts ?? null,
        atm: atm ?? null,
        failedReason: failedReason ?? null,
        stacktrace: stacktrace ?? null,
      };
    });
  }

  /** The names of all queues with this bridge's prefix, found by their `meta` keys; cost grows with the whole database. */
  async findQueues(): Promise<string[]> {
    const names = new Set<string>();
    const [start, end] = [`${this.#prefix}:`, ":meta"];
    // The prefix may hold characters that SCAN takes for a pattern.
    const pattern = `${start.replace(/[\\*?[\]^-]/g, "\\$&")}*${end}`;
    let cursor = "0";
    do {
      const [next, keys] = await this.#inTime(
        this.#connection.client.scan(cursor, "MATCH", pattern, "COUNT", 1000, "TYPE", "hash"),
      );
      for (const key of keys) {
        const name = key.slice(start.length, -end.length);
        if (name.length > 0 && !name.includes(":")) names.add(name);
      }
      cursor = next;
    } while (cursor !== "0");
    return [...names].sort();
  }

  #inTime<Answer>(command: Promise<Answer>): Promise<Answer> {
    return this.#connection.inTime(command, ANSWER_TIMEOUT_MS);
  }
}
