import type { Topic } from "../protocol/topic.ts";
import { jobTopic } from "../protocol/topic.ts";
import type { BullcastClient } from "./bullcast-client.ts";
import type { Clock } from "./clock.ts";
import { REAL_CLOCK } from "./clock.ts";
import { JobRefresher } from "./job-refresher.ts";
import type { JobView } from "./job-view.ts";
import { applyMessage, isFinished, unknownJob } from "./job-view.ts";
import { Listeners } from "./listeners.ts";
import type { ServerMessage } from "./server-message.ts";
import { isType, jobOf } from "./server-message.ts";

export interface JobStoreOptions {
  /** Jobs held; beyond them those finished longest ago are let go, then those longest unheard of. Default 1,000. */
  maxJobs?: number;
  /** Log lines held of each job. Default 100. */
  maxLogLines?: number;
  /** @internal */
  clock?: Clock;
}

/** A job of the store has changed, or the store holds it no more. */
export interface JobChange {
  job: JobView;
  isHeld: boolean;
}

const DEFAULT_MAX_JOBS = 1000;
const DEFAULT_MAX_LOG_LINES = 100;

/**
 * The state of all jobs a client hears of. What it does not know for sure it asks for: after a gap no job stays shown
 * as active that is not.
 */
export class JobStore {
  readonly #maxJobs: number;
  readonly #maxLogLines: number;
  /** Least recently heard of first, so that what is to be let go is found at once. */
  readonly #unfinished = new Map<Topic, JobView>();
  readonly #finished = new Map<Topic, JobView>();
  readonly #stale = new Map<Topic, JobView>();
  readonly #changes = new Listeners<JobChange>();
  readonly #refresher: JobRefresher;
  readonly #stopListening: () => void;

  constructor(client: BullcastClient, options: JobStoreOptions = {}) {
    this.#maxJobs = options.maxJobs ?? DEFAULT_MAX_JOBS;
    this.#maxLogLines = options.maxLogLines ?? DEFAULT_MAX_LOG_LINES;
    this.#refresher = new JobRefresher(
      { watch: ({ queue, id }) => client.watchJob(queue, id), stale: () => this.#stale.values() },
      options.clock ?? REAL_CLOCK,
    );
    this.#stopListening = client.on("message", (message) => this.#receive(message));
  }

  /** How many jobs are held. */
  get size(): number {
    return this.#unfinished.size + this.#finished.size;
  }

  get(queue: string, id: string): JobView | undefined {
    return this.#get(jobTopic(queue, id));
  }

  /** The jobs held: unfinished ones first, then finished ones, each the longest unheard of first. */
  *jobs(): IterableIterator<JobView> {
    yield* this.#unfinished.values();
    yield* this.#finished.values();
  }

  /** Calls `listener` for each change of a job. Answers how to stop. */
  onChange(listener: (change: JobChange) => void): () => void {
    return this.#changes.add(listener);
  }

  /** Stops listening; what is held stays as it is. */
  close(): void {
    this.#stopListening();
    this.#refresher.close();
  }

  #receive(message: ServerMessage): void {
    if (isType(message, "gap")) return this.#receiveGap(message);
    const job = jobOf(message);
    if (!job) return;
    if (isType(message, "snapshot")) this.#refresher.snapshot();
    const topic = jobTopic(job.queue, job.id);
    const before = this.#get(topic) ?? unknownJob(job.queue, job.id);
    const after = applyMessage(before, message, this.#maxLogLines);
    // A line of a job that was let go, for example, does not bring it back without its state.
    const isGone = after.state === "unknown" || isType(message, "task_removed");
    if (after !== before || isGone) this.#put(topic, after, !isGone);
  }

  #receiveGap(message: ServerMessage): void {
    for (const [topic, before] of this.#unfinished) {
      const after = applyMessage(before, message);
      if (after === before) continue;
      // In its place: a gap is no news of the job.
      this.#unfinished.set(topic, after);
      this.#stale.set(topic, after);
      this.#changes.emit({ job: after, isHeld: true });
    }
    this.#refresher.gap();
  }

  #put(topic: Topic, job: JobView, isHeld: boolean): void {
    const wasHeld = this.#get(topic) !== undefined;
    this.#unfinished.delete(topic);
    this.#finished.delete(topic);
    this.#stale.delete(topic);
    if (isHeld) (isFinished(job) ? this.#finished : this.#unfinished).set(topic, job);
    if (isHeld && job.isStale) this.#stale.set(topic, job);
    else this.#refresher.settled(job.queue, job.id);
    if (isHeld || wasHeld) this.#changes.emit({ job, isHeld });
    if (this.size > this.#maxJobs) this.#letGo();
  }

  #letGo(): void {
    for (const [topic, job] of this.#finished.size > 0 ? this.#finished : this.#unfinished) {
      this.#put(topic, job, false);
      return;
    }
  }

  #get(topic: Topic): JobView | undefined {
    return this.#unfinished.get(topic) ?? this.#finished.get(topic);
  }
}
