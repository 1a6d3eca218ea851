import type { Frame } from "../connections/frame.ts";
import type { WebSocketMessage } from "../protocol/message.ts";
import type { Fact, Position } from "../sources/fact.ts";
import { streamOf } from "../sources/fact.ts";
import type { JobKey } from "../sources/job-key.ts";
import { keyOf } from "../sources/job-key.ts";
import { lastNumberOf } from "../sources/job-log-position.ts";
import type { JobReader } from "../sources/job-reader.ts";
import type { JobHash } from "../sources/stream-queries.ts";
import { isEnd, isJobFact } from "./attempts.ts";
import { encodeCursor } from "./cursor.ts";
import { JobTracker } from "./job-tracker.ts";
import { attemptOfLines, factMessage, lineMessage } from "./messages.ts";
import type { Past, PastSource } from "./queue-history.ts";
import { readFrame } from "./queue-history.ts";
import type { RecentEnds } from "./recent-ends.ts";
import type { LineFrame, Ring, RingEntry } from "./ring.ts";
import { NO_LINES } from "./ring.ts";

/** Hashes asked for in one round trip. */
const HASHES_PER_READ = 1000;
/** Facts translated before other work gets its turn. */
const FACTS_PER_TURN = 500;

/** Message types that end an attempt. */
const ENDINGS: ReadonlySet<string> = new Set(["task_success", "task_failed", "task_retrying"]);

/** Makes of what the streams still hold the same messages as were sent, or would have been, when it happened. */
export class PastTranslator implements PastSource {
  readonly #reader: JobReader;
  readonly #tracker: JobTracker;
  readonly #ends: RecentEnds;
  readonly #encode: (message: WebSocketMessage) => Frame;
  readonly #tagOf: (queue: string) => string;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(options: {
    reader: JobReader;
    tracker: JobTracker;
    ends: RecentEnds;
    encode: (message: WebSocketMessage) => Frame;
    tagOf: (queue: string) => string;
  }) {
    this.#reader = options.reader;
    this.#tracker = options.tracker;
    this.#ends = options.ends;
    this.#encode = options.encode;
    this.#tagOf = options.tagOf;
  }

  isUnreadable(queue: string): boolean {
    return this.#reader.isUnreadable(queue);
  }

  /** One queue after the other: what is read is large before it is bounded. */
  readPast(queue: string, upTo: Position, later: Ring): Promise<Past> {
    const past = this.#reading.then(() => this.#readPast(queue, upTo, later));
    this.#reading = past.catch(() => undefined);
    return past;
  }

  async #readPast(queue: string, upTo: Position, later: Ring): Promise<Past> {
    const { start, ids, facts } = await this.#reader.past(queue, upTo);
    const tracker = new JobTracker();
    const hashes = await this.#hashes(tracker.unknownIn(facts));
    tracker.seed(facts, hashes, countEndings(queue, later));
    const position = { ...start };
    const entries: RingEntry[] = [];
    for (const [index, fact] of facts.entries()) {
      if (index % FACTS_PER_TURN === FACTS_PER_TURN - 1) await new Promise((resolve) => setImmediate(resolve));
      position[streamOf(fact)] = fact.streamId;
      const hash = isJobFact(fact) ? hashes.get(keyOf(fact)) : undefined;
      const job = isJobFact(fact) ? tracker.advance(fact, facts[index + 1], hash) : null;
      const frame = this.#tryEncode(() => factMessage(fact, job, encodeCursor(this.#tagOf(queue), position)));
      if (!frame) continue;
      const jobId = isJobFact(fact) ? fact.jobId : null;
      const lines = isEnd(fact) ? null : NO_LINES;
      entries.push({ stream: streamOf(fact), ...position, jobId, line: null, frame, lines });
      if (isJobFact(fact)) this.#noteEnd(fact, frame);
    }
    return { start, ids, entries };
  }

  async readLines(queue: string, ends: readonly RingEntry[]): Promise<LineFrame[][]> {
    // The lines of one that is at work again belong to its new run.
    const isOver = (key: JobKey) => this.#tracker.get(keyOf(key))?.phase !== "active";
    const keys = ends.flatMap(({ jobId }) => (jobId === null ? [] : [{ queue, jobId }])).filter(isOver);
    const logs = await this.#reader.logEnds(keys, { isPast: true });
    return ends.map(({ jobId, frame }) => {
      if (jobId === null) return [];
      const key = keyOf({ queue, jobId });
      const lines = logs.get(key)?.lines ?? [];
      // A job that ended twice has its lines before the first end.
      logs.delete(key);
      if (lines.length === 0) return [];
      const { meta, timestamp } = readFrame(frame);
      const attempt = attemptOfLines(lines, (meta.attempt as number | null) ?? null);
      const name = (meta.name as string | null) ?? null;
      const origin = { queue, jobId, name, attempt, timestamp, isLate: false };
      return lines.map((line) => ({ line: lastNumberOf(line), frame: this.#encode(lineMessage(origin, line)) }));
    });
  }

  async #hashes(keys: readonly JobKey[]): Promise<Map<string, JobHash>> {
    const hashes = new Map<string, JobHash>();
    for (let start = 0; start < keys.length; start += HASHES_PER_READ) {
      const chunk = keys.slice(start, start + HASHES_PER_READ);
      for (const [index, hash] of (await this.#reader.hashes(chunk)).entries()) {
        const key = chunk[index];
        if (key) hashes.set(keyOf(key), hash);
      }
    }
    return hashes;
  }

  /** Null for what cannot be written as JSON again; it was not told when it happened either. */
  #tryEncode(make: () => WebSocketMessage): Frame | null {
    try {
      return this.#encode(make());
    } catch {
      return null;
    }
  }

  /** Jobs of which something newer was told are not answered for by their past. */
  #noteEnd(fact: Fact & { jobId: string }, frame: Frame): void {
    const key = keyOf(fact);
    const isNewer = (this.#tracker.get(key)?.position.events ?? "0-0") !== "0-0";
    if (isNewer) return;
    if (isEnd(fact)) this.#ends.set(key, frame);
    else if (fact.kind === "added" || fact.kind === "waiting") this.#ends.delete(key);
  }
}

/** How many attempts of each job have ended in what a ring holds. */
function countEndings(queue: string, ring: Ring): Map<string, number> {
  const endings = new Map<string, number>();
  for (let number = ring.first; number < ring.end; number += 1) {
    const entry = ring.at(number);
    if (!entry?.jobId || !ENDINGS.has(entry.frame.type)) continue;
    const key = keyOf({ queue, jobId: entry.jobId });
    endings.set(key, (endings.get(key) ?? 0) + 1);
  }
  return endings;
}
