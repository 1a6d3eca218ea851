import type { Frame } from "../connections/frame.ts";
import { WebSocketMessage } from "../protocol/message.ts";
import type { JobState, SnapshotContent, SnapshotLine } from "../protocol/snapshot.ts";
import type { StreamId } from "../sources/fact.ts";
import { compareStreamIds } from "../sources/fact.ts";
import type { JobKey } from "../sources/job-key.ts";
import { keyOf } from "../sources/job-key.ts";
import type { JobSnapshot } from "../sources/snapshot-reader.ts";
import type { JobPhase, JobTracker } from "./job-tracker.ts";
import type { Told } from "./mutes.ts";
import type { QueueHistory } from "./queue-history.ts";
import { readFrame } from "./queue-history.ts";
import type { RecentEnds } from "./recent-ends.ts";
import { snapshotContent, UNKNOWN } from "./snapshot-content.ts";
import { toIso } from "./translate.ts";

/** How long the end of a job that is gone may take to be read from the stream. */
const END_PATIENCE_MS = 2000;
/** Bounds of the lines in a snapshot, here of those from the log stream. */
const MAX_LINES = 1000;
const MAX_LINE_BYTES = 256 * 1024;
/** Times a snapshot is taken anew because lines have overtaken it. */
const MAX_TRIES = 3;
/** Messages looked through for them. */
const MAX_LOOKED_THROUGH = 20_000;

/** How a job stood, ready to be sent. */
export interface Snapshot {
  job: JobKey;
  content: SnapshotContent;
  /** What it includes, and so is not to be sent again. */
  told: Told;
  /** How many lines the job's own log had; null where it went with the job. */
  lineCount: number | null;
}

export interface SnapshotsOptions {
  read: (keys: readonly JobKey[]) => Promise<JobSnapshot[]>;
  histories: ReadonlyMap<string, QueueHistory>;
  tracker: JobTracker;
  ends: RecentEnds;
  /** How many lines of a job's own log have been told; null when that is inexact. */
  toldLines: (job: JobKey) => number | null;
  encode: (message: WebSocketMessage) => Frame;
  /** Redis' clock, epoch ms. */
  now: () => number;
}

/** Takes snapshots of jobs and knows when one is too old to be sent. */
export class Snapshots {
  readonly #options: SnapshotsOptions;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /**
   * How these jobs of attached queues stand, in their order. With `mayWait` the ends of jobs that are gone are waited
   * for and looked up in the stream; MUST be false where publishing waits for this call.
   *
   * @throws {Error} when Redis does not answer.
   */
  async take(keys: readonly JobKey[], { mayWait }: { mayWait: boolean }): Promise<Snapshot[]> {
    if (keys.length === 0) return [];
    const states = await this.#options.read(keys);
    if (mayWait) await Promise.all(states.map((state) => this.#lookBack(state)));
    const snapshots = states.map((state) => this.#compose(state));
    if (!mayWait) await this.#takeStaleAgain(snapshots);
    return snapshots;
  }

  /** While nothing is published lines of a job's own log may still be told, and overtake its snapshot. */
  async #takeStaleAgain(snapshots: Snapshot[]): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const stale = [...snapshots.entries()].filter(([, snapshot]) => this.isStale(snapshot));
      if (stale.length === 0) return;
      const states = await this.#options.read(stale.map(([, { job }]) => job));
      for (const [nth, [index]] of stale.entries()) {
        const state = states[nth];
        if (state) snapshots[index] = this.#compose(state);
      }
    }
  }

  /** Whether something was told of the job that its snapshot does not include. */
  isStale({ job, told, lineCount }: Snapshot): boolean {
    const position = this.#options.tracker.get(keyOf(job))?.position;
    const lines = this.#options.toldLines(job);
    if (lines !== null && lineCount !== null && lines > lineCount) return true;
    if (!position) return false;
    const isAfter = (stream: "events" | "logs") => compareStreamIds(position[stream], told.position[stream]) > 0;
    return isAfter("events") || isAfter("logs");
  }

  /**
   * The message of a snapshot that is sent now. With `toAll` what it says of the job counts as told from here on; what
   * one viewer alone is shown only fills in where nothing was known.
   */
  send(snapshot: Snapshot, { toAll }: { toAll: boolean }): Frame {
    const { job, content } = snapshot;
    const frame = this.#frameOf(snapshot);
    const { tracker, now } = this.#options;
    const known = tracker.get(keyOf(job))?.phase ?? "unknown";
    if (!toAll && known !== "unknown") return frame;
    const attemptsMade = content.attempt === null ? null : content.attempt - (content.state === "active" ? 1 : 0);
    tracker.learn(job, { phase: phaseOf(content.state), name: content.name, attemptsMade, atMs: now() });
    return frame;
  }

  /** The message about a job of a queue that is not attached. */
  unknown(job: JobKey): Frame {
    return this.#frameOf({ job, content: UNKNOWN });
  }

  /** What is too large for one message goes without its result, then without its lines. */
  #frameOf({ job, content }: Pick<Snapshot, "job" | "content">): Frame {
    const { now, tracker, encode } = this.#options;
    const meta = { queue: job.queue, task_id: job.jobId, name: content.name };
    // Later messages of the job do not go back behind it.
    const atMs = Math.max(now(), tracker.get(keyOf(job))?.atMs ?? 0);
    const make = (shown: SnapshotContent) =>
      encode(new WebSocketMessage({ type: "snapshot", content: shown, meta, timestamp: toIso(atMs) }));
    const isWhole = (frame: Frame) => readFrame(frame).content !== null;
    for (const shown of [content, { ...content, result: null, progress: null }]) {
      const frame = make(shown);
      if (isWhole(frame)) return frame;
    }
    return make({ ...content, result: null, progress: null, logs: [], logs_truncated: true });
  }

  /** Makes sure that what the stream says of a job that is gone, or of its lines, is known. */
  async #lookBack({ queue, jobId, exists, position }: JobSnapshot): Promise<void> {
    const history = this.#options.histories.get(queue);
    if (!history) return;
    const usesLogStream = position.logs !== "0-0";
    if (exists && !usesLogStream) return;
    if (!exists) await history.published(position, END_PATIENCE_MS);
    const isKnown = exists
      ? this.#options.tracker.get(keyOf({ queue, jobId }))?.hasLogStream
      : this.#options.ends.get(keyOf({ queue, jobId }));
    if (!isKnown && !history.isFilled) await history.fill();
  }

  #compose(state: JobSnapshot): Snapshot {
    const { queue, jobId, position, logCount } = state;
    const job = { queue, jobId };
    const history = this.#options.histories.get(queue);
    const end = state.exists ? undefined : this.#options.ends.get(keyOf(job));
    const content = end ? endContent(end) : snapshotContent(state);
    const published = history?.position ?? position;
    // Lines that stand in the stream but were not published yet are still to come, and so is the end of one that is gone.
    const logs = earlier(published.logs, position.logs);
    const events = state.exists ? position.events : earlier(published.events, position.events);
    if (history && logs !== "0-0") addStreamLines(content, streamLines(history, jobId));
    const hasEnded = phaseOf(content.state) === "ended";
    return {
      job,
      content,
      told: { position: { events, logs }, lines: logCount, hasEnded },
      lineCount: state.exists ? logCount : null,
    };
  }
}

/** What a state means for what is told next. */
export function phaseOf(state: JobState): JobPhase {
  if (state === "completed" || state === "failed") return "ended";
  if (state === "active" || state === "unknown") return state;
  return "idle";
}

/** How a job stood that is gone, by the message of its end. */
function endContent(end: Frame): SnapshotContent {
  const { type, content, meta, timestamp } = readFrame(end);
  const isSuccess = type === "task_success";
  // Whatever it logged by itself went with it.
  return {
    ...UNKNOWN,
    state: isSuccess ? "completed" : "failed",
    name: (meta.name as string | null) ?? null,
    attempt: (meta.attempt as number | null) ?? null,
    result: isSuccess ? content : null,
    failed_reason: isSuccess ? null : (content as string | null),
    finished_at: timestamp,
  };
}

function earlier(one: StreamId, other: StreamId): StreamId {
  return compareStreamIds(one, other) < 0 ? one : other;
}

/** The newest lines that a job wrote to the log stream, oldest first, and whether there may be more. */
function streamLines({ ring }: QueueHistory, jobId: string): { lines: SnapshotLine[]; isTruncated: boolean } {
  const lines: SnapshotLine[] = [];
  let bytes = 0;
  for (let number = ring.end - 1; number >= Math.max(ring.first, ring.end - MAX_LOOKED_THROUGH); number -= 1) {
    const entry = ring.at(number);
    const isBegun = entry?.jobId === jobId && entry.frame.type === "task_added";
    if (isBegun) return { lines: lines.reverse(), isTruncated: false };
    if (entry?.stream !== "logs" || entry.jobId !== jobId) continue;
    bytes += entry.frame.bytes.length;
    if (lines.length >= MAX_LINES || bytes > MAX_LINE_BYTES) return { lines: lines.reverse(), isTruncated: true };
    const { content, meta, timestamp } = readFrame(entry.frame);
    if (typeof content !== "string") continue;
    lines.push({ line: null, level: (meta.level as string | null) ?? null, content, timestamp });
  }
  // What it wrote before that is not known.
  return { lines: lines.reverse(), isTruncated: true };
}

function addStreamLines(content: SnapshotContent, { lines, isTruncated }: ReturnType<typeof streamLines>): void {
  content.logs = [...content.logs, ...lines];
  content.logs_truncated ||= isTruncated;
}
