import type { StreamId } from "./fact.ts";
import type { RawEntry } from "./queue-feed.ts";
import { READ_COUNT } from "./queue-feed.ts";
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
  /** Why hashes of jobs were refused; null when they were not. */
  problem: string | null = null;

  constructor(connection: RedisConnection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  /** The first entries of each stream after an id, at most `READ_COUNT` of each; the streams are read in their order. */
  async entriesAfter(...streams: [key: string, id: StreamId][]): Promise<RawEntry[][]> {
    const pipeline = this.#connection.client.pipeline();
    for (const [key, id] of streams) pipeline.xrange(key, `(${id}`, "+", "COUNT", READ_COUNT);
    const replies = (await this.#inTime(pipeline.exec())) ?? [];
    return replies.map(([error, entries]) => {
      if (error) throw error;
      return entries as RawEntry[];
    });
  }

  /**
   * The newest id of each stream, `0-0` for one that is empty or does not exist, or why it cannot be read; and Redis'
   * clock, epoch ms, null when it does not say.
   */
  async newestIds(keys: readonly string[]): Promise<{ ids: (StreamId | Error)[]; clockMs: number | null }> {
    // Asked at the start, when the connection may still be opening.
    await this.#connection.whenReady(ANSWER_TIMEOUT_MS);
    const pipeline = this.#connection.client.pipeline().info("server");
    for (const key of keys) pipeline.xrevrange(key, "+", "-", "COUNT", 1);
    const [info, ...replies] = (await this.#inTime(pipeline.exec())) ?? [];
    const ids = replies.map(([error, entries]) => {
      // Only what Redis itself answers is about the key; anything else is about the connection.
      if (error && error.name !== "ReplyError") throw error;
      return error ?? (entries as RawEntry[])[0]?.[0] ?? "0-0";
    });
    const microseconds = /^server_time_usec:(\d+)/m.exec(String(info?.[1]))?.[1];
    return { ids, clockMs: microseconds === undefined ? null : Math.floor(Number(microseconds) / 1000) };
  }

  /** The hashes of these jobs in one round trip, in their order. */
  async jobs(keys: readonly JobKey[]): Promise<JobHash[]> {
    const pipeline = this.#connection.client.pipeline();
    for (const { queue, jobId } of keys) pipeline.hmget(`${this.#prefix}:${queue}:${jobId}`, ...JOB_FIELDS);
    const replies = (await this.#inTime(pipeline.exec())) ?? [];
    const denied = replies.find(([error]) => error && !error.message.startsWith("WRONGTYPE"))?.[0];
    this.problem = denied ? `${denied.message}` : null;
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

  /**
   * The names of all queues with this bridge's prefix, found by their `meta` keys, and how many thousand keys had to be
   * looked at for it: the cost grows with the whole database.
   */
  async findQueues(): Promise<{ queues: string[]; rounds: number }> {
    const names = new Set<string>();
    let rounds = 0;
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
      rounds += 1;
    } while (cursor !== "0");
    return { queues: [...names].sort(), rounds };
  }

  #inTime<Answer>(command: Promise<Answer>): Promise<Answer> {
    return this.#connection.inTime(command, ANSWER_TIMEOUT_MS);
  }
}
