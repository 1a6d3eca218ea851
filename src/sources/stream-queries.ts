import type { StreamId } from "./fact.ts";
import { compareStreamIds } from "./fact.ts";
import type { StreamState } from "./hole.ts";
import type { JobKey } from "./job-key.ts";
import type { RawEntry } from "./queue-feed.ts";
import { READ_COUNT } from "./queue-feed.ts";
import type { RedisConnection } from "./redis-connections.ts";

/** Fields of a job's hash, in the order in which they are asked for. */
const JOB_FIELDS = ["name", "opts", "atm", "failedReason", "stacktrace"] as const;

/** What the hash of a job says; null fields are not set, and a job that is gone has none. */
export type JobHash = Record<(typeof JOB_FIELDS)[number], string | null>;

/** A command that does not block is answered by then, or never. */
const ANSWER_TIMEOUT_MS = 1500;

/** What `streamStates` answers of one stream. */
export interface StreamAnswer {
  hasEntry: boolean;
  state: StreamState;
  maxLength?: number | null;
}

/** Reads that do not block, on a connection of their own: it never waits behind a blocked one. */
export class StreamQueries {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  /** How far Redis' clock was ahead of ours when it was last asked, ms. */
  aheadMs = 0;
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
   * How many entries had ever been added to a stream up to an id; null where that cannot be told: the server does not
   * count, there are too many after it, or entries around it have been trimmed.
   */
  async addedUpTo(key: string, id: StreamId): Promise<number | null> {
    const transaction = this.#connection.client.multi().xinfo("STREAM", key);
    transaction.xrange(key, `(${id}`, "+", "COUNT", READ_COUNT);
    const [info, later] = (await this.#inTime(transaction.exec())) ?? [];
    if (!info || !later || info[0] || later[0]) return null;
    const { firstId, length, added } = readStreamState(info[1] as unknown[]);
    const isWhole = added === length || (firstId !== null && compareStreamIds(firstId, id) <= 0);
    const entries = later[1] as RawEntry[];
    return added !== null && isWhole && entries.length < READ_COUNT ? added - entries.length : null;
  }

  /** The last entries of a stream up to an id (`(id` leaves it out), at most `READ_COUNT`, newest first. */
  entriesUpTo(key: string, id: StreamId): Promise<RawEntry[]> {
    return this.#inTime(this.#connection.client.xrevrange(key, id, "-", "COUNT", READ_COUNT)) as Promise<RawEntry[]>;
  }

  /** How far Redis' clock is ahead of ours, ms; 0 when it does not say. */
  async clockAheadMs(): Promise<number> {
    // Asked at the start, when the connection may still be opening.
    await this.#connection.whenReady(ANSWER_TIMEOUT_MS);
    const info = await this.#inTime(this.#connection.client.info("server"));
    const microseconds = /^server_time_usec:(\d+)/m.exec(info)?.[1];
    this.aheadMs = microseconds === undefined ? 0 : Math.floor(Number(microseconds) / 1000) - Date.now();
    return this.aheadMs;
  }

  /**
   * What Redis says of each stream, or why it cannot be read; whether the entry with the given id is there, asked
   * before the rest; and how many events the application lets the queue keep, where its `meta` key is given.
   */
  async streamStates(
    streams: readonly { key: string; id: StreamId | null; metaKey: string | null }[],
  ): Promise<(StreamAnswer | Error)[]> {
    const pipeline = this.#connection.client.pipeline();
    for (const { key, id, metaKey } of streams) {
      pipeline.xrange(key, id ?? "0-0", id ?? "0-0", "COUNT", 1);
      pipeline.xinfo("STREAM", key);
      if (metaKey) pipeline.hget(metaKey, "opts.maxLenEvents");
    }
    const replies = (await this.#inTime(pipeline.exec())) ?? [];
    return streams.map(({ metaKey }) => {
      const [entry, info] = replies.splice(0, 2);
      const maxLength = metaKey ? replies.splice(0, 1)[0] : undefined;
      const error = entry?.[0];
      // Only what Redis itself answers is about the key; anything else is about the connection.
      if (error) return onlyAboutKey(error);
      if (info?.[0] && !/no such key/i.test(info[0].message)) return onlyAboutKey(info[0]);
      return {
        hasEntry: ((entry?.[1] ?? []) as RawEntry[]).length > 0,
        state: readStreamState(info?.[0] ? [] : ((info?.[1] ?? []) as unknown[])),
        ...(maxLength && { maxLength: maxLength[1] ? Number(maxLength[1]) : null }),
      };
    });
  }

  /** How many of these jobs have lines of their own log. */
  countLogged(keys: readonly JobKey[]): Promise<number> {
    if (keys.length === 0) return Promise.resolve(0);
    const lists = keys.map(({ queue, jobId }) => `${this.#prefix}:${queue}:${jobId}:logs`);
    return this.#inTime(this.#connection.client.exists(...lists));
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

function onlyAboutKey(error: Error): Error {
  if (error.name !== "ReplyError") throw error;
  return error;
}

/** Reads the flat answer of XINFO STREAM; an empty one is of a stream that does not exist. */
function readStreamState(flat: readonly unknown[]): StreamState {
  const fields = new Map<unknown, unknown>();
  for (let index = 0; index + 1 < flat.length; index += 2) fields.set(flat[index], flat[index + 1]);
  const first = fields.get("first-entry") as RawEntry | null | undefined;
  const added = fields.get("entries-added");
  return {
    exists: flat.length > 0,
    length: Number(fields.get("length") ?? 0),
    firstId: first?.[0] ?? null,
    lastId: String(fields.get("last-generated-id") ?? "0-0"),
    added: flat.length === 0 ? 0 : typeof added === "number" ? added : null,
  };
}
