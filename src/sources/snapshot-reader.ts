import type { ChainableCommander } from "ioredis";
import type { JobState } from "../protocol/snapshot.ts";
import type { Position, StreamId } from "./fact.ts";
import type { JobFields } from "./job-fields.ts";
import { MARKS, readJobFields, SNAPSHOT_FIELDS } from "./job-fields.ts";
import type { JobKey } from "./job-key.ts";
import { jobStateOf, MAX_SEARCHED } from "./job-state.ts";
import type { RedisConnection } from "./redis-connections.ts";
import type { Reply } from "./reply.ts";
import { answerOf } from "./reply.ts";

/** How a job and its queue's streams stood at one moment. Null is what is not set, or cannot be read. */
export interface JobSnapshot extends JobKey, Omit<JobFields, "hasOptions"> {
  /** The last id that each stream of the queue had given out; "0-0" where there is no stream. */
  position: Position;
  state: JobState;
  /** The last lines of `job.log()`, oldest first: at most 1,000 of them and 256 KiB. */
  logs: string[];
  /** Number of the first of `logs` in the job's log, from 0; null when `keepLogs` may have made it inexact. */
  firstLine: number | null;
  /** How many lines Redis has. */
  logCount: number;
  /** Null for a job without children, and where they may not be counted. Counted right after the rest. */
  children: { total: number; done: number } | null;
}

/** The lines a snapshot has at most, and their UTF-8 bytes. */
const MAX_LINES = 1000;
const MAX_LOG_BYTES = 256 * 1024;

/** Jobs asked for in one round trip; each may come with all its lines. */
const CHUNK = 200;

/** Jobs that `jobsSince` names of each kind. */
const MAX_JOBS_SINCE = 100;

/** What follows a job's key in those that hold its children: waited for, completed, failed and ignored, failed. */
const CHILDREN_KEYS = [":dependencies", ":processed", ":failed", ":unsuccessful"] as const;

/** Reads how jobs stand, exactly: what the snapshot of a job says, and where the streams stood, belong to one moment. */
export class SnapshotReader {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  /** Whether the Redis user may count children; the recommended one may not, and would be reported each time. */
  #mayCountChildren = true;

  constructor(connection: RedisConnection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  /**
   * The jobs in their order, also those that do not exist.
   *
   * @throws {Error} when Redis does not answer, or does not let its user read jobs.
   */
  async read(keys: readonly JobKey[]): Promise<JobSnapshot[]> {
    const snapshots: JobSnapshot[] = [];
    for (const chunk of chunksOf(keys)) snapshots.push(...(await this.#readChunk(chunk)));
    return snapshots;
  }

  /**
   * Whether each job's hash is there and whether it says finished: the cheap question before a snapshot.
   *
   * @throws {Error} when Redis does not answer.
   */
  async probe(keys: readonly JobKey[]): Promise<{ exists: boolean; finished: boolean }[]> {
    const replies: Reply[] = [];
    for (const chunk of chunksOf(keys)) {
      const answers = await this.#connection.ask((pipeline) => {
        for (const key of chunk) pipeline.hmget(this.#jobKey(key), ...MARKS);
      });
      replies.push(...answers);
    }
    return replies.map((reply) => {
      const values = (answerOf(reply) ?? []) as (string | null)[];
      const finished = (values[MARKS.indexOf("finishedOn")] ?? null) !== null;
      return { exists: values.some((value) => value !== null), finished };
    });
  }

  /**
   * Job ids to show again after a gap: active ones and those finished since, by the workers' clocks; newest first, at
   * most 100 of each.
   *
   * @throws {Error} when Redis does not answer.
   */
  async jobsSince(queue: string, sinceMs: number): Promise<{ ids: string[]; truncated: boolean }> {
    const base = `${this.#prefix}:${queue}`;
    // Active ones first: a job that ends in between is then seen twice rather than never.
    const [active, ...ended] = await this.#connection.ask((pipeline) => {
      pipeline.lrange(`${base}:active`, 0, MAX_JOBS_SINCE);
      for (const set of ["completed", "failed"]) {
        const key = `${base}:${set}`;
        pipeline.zrange(key, "+inf", `${sinceMs}`, "BYSCORE", "REV", "LIMIT", 0, MAX_JOBS_SINCE + 1, "WITHSCORES");
      }
    });
    const activeIds = (active ? (answerOf(active) ?? []) : []) as string[];
    const endedIds = ended
      .flatMap((reply) => scoredOf((answerOf(reply) ?? []) as string[]))
      .sort((a, b) => b.score - a.score)
      .map(({ id }) => id);
    const ids = [...activeIds.slice(0, MAX_JOBS_SINCE), ...endedIds.slice(0, MAX_JOBS_SINCE)];
    const truncated = activeIds.length > MAX_JOBS_SINCE || endedIds.length > MAX_JOBS_SINCE;
    return { ids: [...new Set(ids)], truncated };
  }

  async #readChunk(keys: readonly JobKey[]): Promise<JobSnapshot[]> {
    const replies = await this.#connection.ask((pipeline) => {
      for (const key of keys) this.#ask(pipeline, key);
    });
    const size = replies.length / keys.length;
    const read = keys.map((key, index) => {
      const own = replies.slice(index * size, (index + 1) * size);
      // A command that is refused ends its whole transaction; its own error says more than that of EXEC.
      const refused = own.find(([error]) => error)?.[0];
      if (refused) throw refused;
      return readSnapshot(key, own.at(-1)?.[1] as unknown[]);
    });
    const parents = read.filter(({ hasChildren }) => hasChildren).map(({ snapshot }) => snapshot);
    if (parents.length > 0 && this.#mayCountChildren) await this.#countChildren(parents);
    return read.map(({ snapshot }) => snapshot);
  }

  /** Queues one transaction; `readSnapshot` takes the answers in this order. Redis' recommended user may do no more. */
  #ask(pipeline: ChainableCommander, key: JobKey): void {
    const base = `${this.#prefix}:${key.queue}`;
    const job = this.#jobKey(key);
    // By name: the types of a pipeline have no transactions within it.
    pipeline.call("multi");
    pipeline.xinfo("STREAM", `${base}:events`);
    pipeline.xinfo("STREAM", `${base}:bullcast-logs`);
    pipeline.hmget(job, ...SNAPSHOT_FIELDS);
    for (const set of ["completed", "failed", "delayed", "prioritized", "waiting-children"]) {
      pipeline.zscore(`${base}:${set}`, key.jobId);
    }
    pipeline.lpos(`${base}:active`, key.jobId);
    for (const list of ["wait", "paused"]) {
      pipeline.lpos(`${base}:${list}`, key.jobId, "MAXLEN", MAX_SEARCHED);
      pipeline.llen(`${base}:${list}`);
    }
    pipeline.lrange(`${job}:logs`, -MAX_LINES, -1);
    pipeline.llen(`${job}:logs`);
    pipeline.exists(...CHILDREN_KEYS.map((suffix) => job + suffix));
    pipeline.call("exec");
  }

  /** Outside of the transactions, which would fail as a whole where counting is not allowed. */
  async #countChildren(parents: readonly JobSnapshot[]): Promise<void> {
    const replies = await this.#connection.ask((pipeline) => {
      for (const parent of parents) {
        const [waitedFor, completed, ignored, failed] = CHILDREN_KEYS.map((suffix) => this.#jobKey(parent) + suffix);
        pipeline.scard(waitedFor as string);
        pipeline.hlen(completed as string);
        pipeline.hlen(ignored as string);
        pipeline.zcard(failed as string);
      }
    });
    if (replies.some(([error]) => error?.message.startsWith("NOPERM"))) {
      this.#mayCountChildren = false;
      return;
    }
    for (const parent of parents) {
      const counts = replies.splice(0, CHILDREN_KEYS.length).map(answerOf) as (number | null)[];
      const [waitedFor = null, ...ended] = counts;
      if (waitedFor === null || ended.includes(null)) continue;
      const done = ended.reduce<number>((sum, count) => sum + (count ?? 0), 0);
      parent.children = { total: waitedFor + done, done };
    }
  }

  #jobKey({ queue, jobId }: JobKey): string {
    return `${this.#prefix}:${queue}:${jobId}`;
  }
}

function* chunksOf(keys: readonly JobKey[]): Generator<readonly JobKey[]> {
  for (let start = 0; start < keys.length; start += CHUNK) yield keys.slice(start, start + CHUNK);
}

function scoredOf(flat: readonly string[]): { id: string; score: number }[] {
  const scored: { id: string; score: number }[] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) {
    scored.push({ id: flat[index] as string, score: Number(flat[index + 1]) });
  }
  return scored;
}

/** Reads the answers of one transaction. */
function readSnapshot(
  { queue, jobId }: JobKey,
  replies: readonly unknown[],
): { snapshot: JobSnapshot; hasChildren: boolean } {
  const answers = replies.map((answer) => (answer instanceof Error ? answerOf([answer, null]) : answer));
  const [events, logStream, hash, completed, failed, delayed, prioritized, waitingChildren, active, ...rest] = answers;
  const [wait, waitLength, paused, pausedLength, lines, lineCount, childrenKeys] = rest;
  const { hasOptions, ...fields } = readJobFields((hash ?? []) as (string | null)[]);
  const { exists, keepLogs } = fields;
  const listLength = Math.max(Number(waitLength), Number(pausedLength));
  const places = { completed, failed, delayed, prioritized, active, wait, paused, waitingChildren };
  const logs = newestWithin((lines ?? []) as string[], MAX_LOG_BYTES);
  const logCount = Number(lineCount);
  const isExact = logCount === 0 || (hasOptions && (keepLogs === null || logCount < keepLogs));
  const snapshot: JobSnapshot = {
    queue,
    jobId,
    position: { events: lastIdOf(events), logs: lastIdOf(logStream) },
    state: jobStateOf({ ...places, listLength, exists }),
    ...fields,
    logs,
    firstLine: isExact ? logCount - logs.length : null,
    logCount,
    children: null,
  };
  return { snapshot, hasChildren: Number(childrenKeys) > 0 };
}

/** The last id of a stream by the flat answer of XINFO STREAM; null is no stream. */
function lastIdOf(info: unknown): StreamId {
  const flat = (info ?? []) as unknown[];
  const index = flat.indexOf("last-generated-id");
  return index < 0 ? "0-0" : String(flat[index + 1]);
}

/** The last lines that fit, without a hole. */
function newestWithin(lines: readonly string[], maxBytes: number): string[] {
  let bytes = 0;
  const tooLate = lines.findLastIndex((line) => {
    bytes += Buffer.byteLength(line);
    return bytes > maxBytes;
  });
  return lines.slice(tooLate + 1);
}
