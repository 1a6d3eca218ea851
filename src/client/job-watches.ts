import type { Topic } from "../protocol/topic.ts";
import { jobTopic, parseTopic } from "../protocol/topic.ts";
import { BullcastClientError } from "./bullcast-client-error.ts";
import type { JobView } from "./job-view.ts";
import { applyMessage, isFinished, unknownJob } from "./job-view.ts";
import { Listeners } from "./listeners.ts";
import type { ServerMessage } from "./server-message.ts";
import { isType, jobOf } from "./server-message.ts";

/** One job, as it stands now. */
export interface JobWatch {
  /** What is known of the job. */
  readonly job: JobView;
  /**
   * Resolves when the job has completed, failed or been removed; once, even if the job is retried later. Rejects when
   * the watch or the client is closed before.
   */
  readonly ended: Promise<JobView>;
  /** Ends the watch; with the last of a job its topic is given up. */
  close(): void;
}

/** Where topics are asked for. */
export interface TopicHolder {
  hold(topic: Topic): void;
  release(topic: Topic): void;
}

/** What the watches of one job share. */
class WatchedJob {
  view: JobView;
  /** Whether the job has completed, failed or been removed, and has not been opened again. */
  isOver = false;
  readonly changes = new Listeners<JobView>();
  readonly ends = new Listeners<BullcastClientError | null>();
  watches = 0;

  constructor(queue: string, id: string) {
    this.view = unknownJob(queue, id);
  }

  receive(message: ServerMessage): void {
    const before = this.view;
    const view = applyMessage(before, message);
    // Removal of a job nothing was known of tells at least that.
    const isGone = view.state === "unknown" && (before.state !== "unknown" || isType(message, "task_removed"));
    if (view === before) return;
    this.view = view;
    this.isOver = isFinished(view) || isGone || (this.isOver && view.state === "unknown");
    this.changes.emit(view);
    if (this.isOver) this.ends.emit(null);
  }
}

/** The jobs being watched. Watches of one job share its topic and its view. */
export class JobWatches {
  readonly #topics: TopicHolder;
  readonly #jobs = new Map<Topic, WatchedJob>();

  constructor(topics: TopicHolder) {
    this.#topics = topics;
  }

  /** Begins to watch a job; `onChange` hears of each change. */
  watch(queue: string, id: string, onChange: ((job: JobView) => void) | undefined): JobWatch {
    const topic = jobTopic(queue, id);
    let job = this.#jobs.get(topic);
    if (!job) {
      const parsed = parseTopic(topic);
      // A queue's name with a colon would make the topic of a job of another queue.
      if (parsed?.kind !== "job" || parsed.queue !== queue) {
        throw new BullcastClientError("INVALID_TOPIC", `"${queue}" and "${id}" do not name a job`);
      }
      this.#topics.hold(topic);
      job = new WatchedJob(queue, id);
      this.#jobs.set(topic, job);
    }
    job.watches += 1;
    return this.#makeWatch(topic, job, onChange);
  }

  receive(message: ServerMessage): void {
    if (isType(message, "gap")) for (const job of this.#jobs.values()) job.receive(message);
    const job = jobOf(message);
    if (job) this.#jobs.get(jobTopic(job.queue, job.id))?.receive(message);
  }

  /** These will not be watched: the server refuses them. Who watches one again asks again. */
  refused(topics: readonly Topic[], error: BullcastClientError): void {
    for (const topic of topics) {
      const job = this.#jobs.get(topic);
      this.#jobs.delete(topic);
      job?.ends.emit(error);
    }
  }

  /** The client is closed. */
  closed(error: BullcastClientError): void {
    for (const { ends } of this.#jobs.values()) ends.emit(error);
  }

  #makeWatch(topic: Topic, job: WatchedJob, onChange: ((job: JobView) => void) | undefined): JobWatch {
    let isClosed = false;
    const stopListening = onChange && job.changes.add(onChange);
    let settle: (error: BullcastClientError | null) => void = () => undefined;
    const ended = new Promise<JobView>((resolve, reject) => {
      settle = (error) => (error ? reject(error) : resolve(job.view));
    });
    // Who does not wait for the end must not be ended by its missing.
    ended.catch(() => undefined);
    const stopWaiting = job.ends.add(settle);
    if (job.isOver) settle(null);
    return {
      get job() {
        return job.view;
      },
      ended,
      close: () => {
        if (isClosed) return;
        isClosed = true;
        stopListening?.();
        stopWaiting();
        settle(new BullcastClientError("CLOSED", `the watch of ${topic} was closed before the job had ended`));
        job.watches -= 1;
        if (job.watches > 0 || this.#jobs.get(topic) !== job) return;
        this.#jobs.delete(topic);
        this.#topics.release(topic);
      },
    };
  }
}
