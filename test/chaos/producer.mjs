// Adds jobs to all queues at an even rate, through outages too, and remembers what it has added.
import { setTimeout as sleep } from "node:timers/promises";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { nextJob } from "./job-mix.mjs";

export class Producer {
  /** Jobs that BullMQ has taken: `{ queue, id, kind, keepLogs, at }`. */
  jobs = [];
  #connection;
  #queues;
  #random;
  #adding = new Set();
  #isStopped = false;
  #loop;

  constructor({ queues, prefix, redisUrl, random }) {
    this.#connection = new Redis(redisUrl, { maxRetriesPerRequest: null, retryStrategy: () => 100 });
    this.#connection.on("error", () => undefined);
    this.#queues = queues.map((name) => new Queue(name, { prefix, connection: this.#connection }));
    for (const queue of this.#queues) queue.on("error", () => undefined);
    this.#random = random;
  }

  /** @param {(queue: string, id: string) => void} onAdded told of each job once it is in Redis. */
  start(jobsPerSecond, onAdded) {
    this.#loop = this.#run(1000 / jobsPerSecond, onAdded);
  }

  /** Stops adding; resolves when every job that was begun is in Redis. */
  async stop() {
    this.#isStopped = true;
    await this.#loop;
    await Promise.all(this.#adding);
  }

  /** How many jobs of all queues have not ended yet. */
  async unended() {
    const states = ["waiting", "active", "delayed", "prioritized", "paused", "waiting-children"];
    const counts = await Promise.all(this.#queues.map((queue) => queue.getJobCounts(...states)));
    return counts.flatMap(Object.values).reduce((sum, count) => sum + count, 0);
  }

  close() {
    this.#connection.disconnect();
  }

  async #run(pauseMs, onAdded) {
    for (let number = 0; !this.#isStopped; number += 1) {
      const queue = this.#random.pick(this.#queues);
      const { name, data, opts } = nextJob(this.#random, number);
      const adding = queue.add(name, data, opts).then((job) => {
        const { kind } = data;
        this.jobs.push({ queue: queue.name, id: job.id, kind, keepLogs: opts.keepLogs ?? null, at: Date.now() });
        onAdded(queue.name, job.id);
      });
      this.#adding.add(adding);
      adding.finally(() => this.#adding.delete(adding)).catch(() => undefined);
      // An outage is no reason to pile up jobs without bound.
      if (this.#adding.size > 50) await Promise.race(this.#adding);
      await sleep(pauseMs);
    }
  }
}
