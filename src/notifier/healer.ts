import { WebSocketMessage } from "../protocol/message.ts";
import type { Topic } from "../protocol/topic.ts";
import { parseTopic } from "../protocol/topic.ts";
import type { JobKey } from "../sources/job-key.ts";
import { keyOf } from "../sources/job-key.ts";
import type { NotifierContext } from "./context.ts";
import { topicsOf } from "./messages.ts";
import { covers, NO_LINES } from "./ring.ts";
import type { Snapshot } from "./snapshots.ts";
import { toIso } from "./translate.ts";

/** Holes of one queue within this time are told as one gap. */
const EPISODE_MS = 1000;
/** How often watched jobs are compared with their hashes; of queues that keep few events at every round. */
const ROUND_MS = 5000;
const ROUNDS_BETWEEN = 6;
/** Jobs compared in one round, and shown again in one. */
const JOBS_PER_ROUND = 1000;
const SNAPSHOTS_PER_ROUND = 200;
/** How long an end may be on its way before a job is said to differ from what was told. */
const ON_ITS_WAY_MS = 1000;

/** A gap that is being told, or that waits until the one before has been. */
interface Episode {
  endsAt: number;
  missed: number | null;
  sinceMs: number;
  isPending: boolean;
}

/** Tells live viewers of history that is gone, and shows them how things stand; finds what no event has told. */
export class Healer {
  readonly #context: NotifierContext;
  readonly #episodes = new Map<string, Episode>();
  /** Jobs that differed from what was told when they were last compared. */
  #suspects = new Map<string, JobKey>();
  /** Jobs that are to be shown as soon as Redis can be asked. */
  #unshown = new Map<string, JobKey>();
  /** Jobs that are shown in one of the next turns. */
  readonly #later = new Map<string, JobKey>();
  #isShowing = false;
  /** Queues to be compared when the comparison under way is over. */
  readonly #dueSoon = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #round = 0;
  /** Where the next round begins when there are too many jobs for one. */
  #offset = 0;
  #isRunning = false;

  constructor(context: NotifierContext) {
    this.#context = context;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#compareRound(), ROUND_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#later.clear();
    for (const episode of this.#episodes.values()) episode.isPending = false;
  }

  /**
   * History of a queue since some time, epoch ms, is gone; `restart` lets the queue's own begin anew. Until the gap is told
   * it has not: a cursor handed out meanwhile must be one that reaches nothing. MUST be called while nothing is published.
   */
  async tell(queue: string, missed: number | null, sinceMs: number, restart = () => {}): Promise<void> {
    const episode = this.#episodes.get(queue);
    const now = performance.now();
    if (!episode || episode.endsAt <= now) {
      this.#episodes.set(queue, { endsAt: now + EPISODE_MS, missed: 0, sinceMs, isPending: false });
      return this.#heal(queue, missed, sinceMs, restart);
    }
    restart();
    episode.missed = episode.missed === null || missed === null ? null : episode.missed + missed;
    episode.sinceMs = Math.min(episode.sinceMs, sinceMs);
    if (episode.isPending) return;
    this.#context.histories.get(queue)?.postponeGap();
    episode.isPending = true;
    setTimeout(() => this.#endEpisode(queue, episode), episode.endsAt - now).unref();
  }

  /** A queue has come to those who watch jobs of it already. MUST be called while nothing is published. */
  async greet(queue: string): Promise<void> {
    await this.#tryShow(this.#watchedById(queue).map((jobId) => ({ queue, jobId })));
  }

  #endEpisode(queue: string, { missed, sinceMs, isPending }: Episode): void {
    this.#episodes.delete(queue);
    if (!isPending) return;
    void this.#context.inTurn(() => {
      this.#context.histories.get(queue)?.tellPostponedGap();
      return this.tell(queue, missed, sinceMs);
    });
  }

  async #heal(queue: string, missed: number | null, sinceMs: number, restart: () => void): Promise<void> {
    const { manager, reader, tracker, logger } = this.#context;
    const queueTopics = topicsOf(queue, null);
    const isViewed = manager.isWatched(queueTopics);
    logger.warn({ queue, missed }, "events of this queue were missed; showing how its jobs stand instead");
    if (!isViewed && this.#watchedById(queue).length === 0) return restart();
    let truncated = false;
    const shown = new Set<string>();
    try {
      if (isViewed) {
        const since = await reader.jobsSince(queue, sinceMs);
        truncated = since.truncated;
        for (const id of since.ids) shown.add(id);
        for (const { queue: other, jobId } of tracker.unended()) if (other === queue) shown.add(jobId);
      }
    } catch (error) {
      truncated = true;
      logger.debug({ queue, reason: String(error) }, "jobs to show again not found");
    }
    // Others may have joined while Redis was asked.
    const jobIds = this.#watchedById(queue);
    for (const id of jobIds) shown.add(id);
    const topics: Topic[] = [...queueTopics, ...jobIds.flatMap((id) => topicsOf(queue, id).slice(-1))];
    restart();
    manager.publish(manager.encode(gapMessage(queue, missed, truncated)), topics);
    await this.#tryShow([...shown].map((jobId) => ({ queue, jobId })));
  }

  async #tryShow(keys: readonly JobKey[]): Promise<void> {
    if (keys.length > SNAPSHOTS_PER_ROUND) void this.#showLater(keys.slice(SNAPSHOTS_PER_ROUND));
    try {
      await this.#show(keys.slice(0, SNAPSHOTS_PER_ROUND));
    } catch (error) {
      this.#showSoon(keys.slice(0, SNAPSHOTS_PER_ROUND), error);
    }
  }

  /** Shows many jobs in turns of their own, so that other messages come between; one that waits already, once. */
  async #showLater(keys: readonly JobKey[]): Promise<void> {
    for (const key of keys) this.#later.set(keyOf(key), key);
    if (this.#isShowing) return;
    this.#isShowing = true;
    while (this.#later.size > 0) {
      const chunk = [...this.#later.values()].slice(0, SNAPSHOTS_PER_ROUND);
      for (const key of chunk) this.#later.delete(keyOf(key));
      try {
        await this.#context.inTurn(() => this.#show(chunk));
      } catch (error) {
        this.#showSoon(chunk, error);
      }
    }
    this.#isShowing = false;
  }

  /** They are shown in one of the next rounds. */
  #showSoon(keys: readonly JobKey[], error: unknown): void {
    for (const key of keys) this.#unshown.set(keyOf(key), key);
    this.#context.logger.debug({ jobs: keys.length, reason: String(error) }, "jobs not shown yet");
  }

  /** Sends how jobs stand to those who watch them; of one that is gone without a trace, that it was removed. */
  async #show(keys: readonly JobKey[]): Promise<void> {
    const { manager, mutes, tracker, reader, histories, snapshots } = this.#context;
    for (const snapshot of await snapshots.take(keys, { mayWait: false })) {
      const { job, content, told } = snapshot;
      const before = tracker.get(keyOf(job));
      const allTopics = topicsOf(job.queue, job.jobId);
      // A job of which nothing is known is nothing to those who have not asked for it.
      const topics = content.state === "unknown" && !before ? allTopics.slice(-1) : allTopics;
      if (content.state === "unknown" && before) {
        if (before.phase === "ended" || before.phase === "unknown") continue;
        if (this.#isAhead(snapshot)) {
          // Its end may be on its way.
          this.#suspects.set(keyOf(job), job);
          continue;
        }
        const meta = { queue: job.queue, task_id: job.jobId, name: before.name };
        const timestamp = toIso(Math.max(reader.now(), before.atMs));
        const frame = manager.encode(new WebSocketMessage({ type: "task_removed", meta, timestamp }));
        // It is in no stream, so it is kept for those who come back.
        const { jobId } = job;
        histories.get(job.queue)?.append({ stream: null, jobId, line: null, frame, lines: NO_LINES });
        manager.publish(frame, topics);
        tracker.learn(job, { phase: "ended", name: before.name, attemptsMade: null, atMs: reader.now() });
        continue;
      }
      const connections = manager.subscribers(topics);
      manager.publish(snapshots.send(snapshot, { toAll: true }), topics);
      if (connections.size > 0) mutes.add(keyOf(job), told, connections);
    }
  }

  /** Compares watched jobs with their hashes now, for example as some were cleaned away. */
  compareSoon(queue: string): void {
    if (this.#isRunning) this.#dueSoon.add(queue);
    else void this.#compare([queue]);
  }

  async #compareRound(): Promise<void> {
    this.#round += 1;
    const isLongRound = this.#round % ROUNDS_BETWEEN === 0;
    const { histories, reader, manager } = this.#context;
    for (const queue of histories.keys()) {
      if (reader.isShort(queue) && manager.isWatched(topicsOf(queue, null))) reader.recheck(queue);
    }
    await this.#compare(isLongRound ? null : "short");
  }

  async #compare(queues: readonly string[] | "short" | null): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      const isDue = (queue: string) =>
        queues === null || (queues === "short" ? this.#context.reader.isShort(queue) : queues.includes(queue));
      const unshown = [...this.#unshown.values()];
      this.#unshown = new Map();
      void this.#showLater(unshown);
      const former = this.#suspects;
      this.#suspects = new Map();
      const suspects = await this.#differing([...former.values(), ...this.#watched(isDue)]);
      if (suspects.length === 0) return;
      // An end that was written a moment ago is on its way by itself.
      await new Promise((resolve) => setTimeout(resolve, ON_ITS_WAY_MS).unref());
      const left = await this.#differing(suspects);
      void this.#showLater(left);
    } catch (error) {
      this.#context.logger.debug({ reason: String(error) }, "jobs not compared with their hashes");
    } finally {
      this.#isRunning = false;
    }
    const dueSoon = [...this.#dueSoon];
    this.#dueSoon.clear();
    if (dueSoon.length > 0) void this.#compare(dueSoon);
  }

  /** Those whose end has not been told although their hashes say they are finished, or are gone. */
  async #differing(keys: readonly JobKey[]): Promise<JobKey[]> {
    const open = keys.filter((key) => !this.#hasEnded(key));
    if (open.length === 0) return [];
    const states = await this.#context.reader.probe(open);
    return open.filter((key, index) => {
      const state = states[index];
      if (!state || this.#hasEnded(key)) return false;
      // One that is said to be nowhere, and still is.
      const isNowhere = !state.exists && this.#context.tracker.get(keyOf(key))?.phase === "unknown";
      return (state.finished || !state.exists) && !isNowhere;
    });
  }

  /** Jobs somebody watches, by their ids or by their queues, whose ends have not been told. */
  #watched(isDue: (queue: string) => boolean): JobKey[] {
    const { manager, tracker, histories } = this.#context;
    const watched = new Map<string, JobKey>();
    const add = (key: JobKey) => {
      if (tracker.get(keyOf(key))?.phase !== "ended") watched.set(keyOf(key), key);
    };
    for (const topic of manager.topics()) {
      const parsed = parseTopic(topic);
      if (parsed?.kind === "job" && isDue(parsed.queue) && histories.has(parsed.queue)) {
        add({ queue: parsed.queue, jobId: parsed.id });
      }
    }
    for (const { queue, jobId } of tracker.unended()) {
      if (isDue(queue) && manager.isWatched(topicsOf(queue, null))) add({ queue, jobId });
    }
    const jobs = [...watched.values()];
    if (jobs.length <= JOBS_PER_ROUND) return jobs;
    const start = this.#offset % jobs.length;
    this.#offset = start + JOBS_PER_ROUND;
    return [...jobs.slice(start), ...jobs.slice(0, start)].slice(0, JOBS_PER_ROUND);
  }

  /** Whether a snapshot includes entries of its queue that have not been published yet. */
  #isAhead({ job, told }: Snapshot): boolean {
    const position = this.#context.histories.get(job.queue)?.position;
    return !position || !covers(position, told.position);
  }

  #hasEnded(job: JobKey): boolean {
    return this.#context.tracker.get(keyOf(job))?.phase === "ended";
  }

  #watchedById(queue: string): string[] {
    return [...this.#context.manager.topics()].flatMap((topic) => {
      const parsed = parseTopic(topic);
      return parsed?.kind === "job" && parsed.queue === queue ? [parsed.id] : [];
    });
  }
}

/** Says that messages of a queue are gone; a null queue is one that is not attached. */
export function gapMessage(queue: string | null, missed: number | null, truncated: boolean): WebSocketMessage {
  return new WebSocketMessage({ type: "gap", content: { queue, missed, truncated }, meta: { queue } });
}
