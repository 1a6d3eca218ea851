// The viewers of a run, in two processes, and the words to them.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { endChild, startChild, whenReady } from "./child.mjs";
import { hasReached } from "./viewer.mjs";

/** Jobs one viewer of jobs watches at most; the protocol allows 1,000 topics. */
const MAX_WATCHED = 300;
const QUIET_MS = 1500;
const PROCESSES = 2;

export class ViewerPool {
  /** `{ id, topics, file }` of each; topics as they were asked for so far. */
  plans;
  #children = [];
  #random;
  #watchers;

  /** Two of everything, two of each queue, four of single jobs. */
  constructor({ queues, folder, random }) {
    const wide = [["*"], ["*"], ...queues.flatMap((queue) => [[`queue:${queue}`], [`queue:${queue}`]])];
    const names = ["all-1", "all-2", ...queues.flatMap((queue) => [`${queue}-1`, `${queue}-2`])];
    const watchers = ["jobs-1", "jobs-2", "jobs-3", "jobs-4"];
    this.plans = [...names, ...watchers].map((id, index) => ({
      id,
      topics: wide[index] ?? [],
      file: join(folder, `${id}.jsonl`),
    }));
    this.#watchers = this.plans.slice(names.length);
    this.#random = random;
  }

  get ids() {
    return this.plans.map(({ id }) => id);
  }

  async start({ url, seed, log }) {
    const shares = Array.from({ length: PROCESSES }, (_, share) =>
      this.plans.filter((_, index) => index % PROCESSES === share),
    );
    this.#children = shares.map((viewers) => {
      return { viewers, child: startChild("viewers.mjs", [JSON.stringify({ url, seed, viewers })], { log }) };
    });
    await Promise.all(this.#children.map(({ child }) => whenReady(child)));
    const others = await this.#until(({ isSubscribed }) => isSubscribed, 15_000);
    if (others.length > 0) throw new Error(`not subscribed: ${others.map(({ id }) => id).join(", ")}`);
  }

  order(viewer, order) {
    const { child } = this.#children.find(({ viewers }) => viewers.some(({ id }) => id === viewer));
    child.send({ viewer, ...order });
  }

  /** Lets one of the viewers of single jobs watch this one, now and then. */
  mayWatch(queue, id) {
    const watcher = this.#random.pick(this.#watchers);
    if (this.#random.chance(0.5) || watcher.topics.length >= MAX_WATCHED) return;
    const topic = `job:${queue}:${id}`;
    watcher.topics.push(topic);
    this.order(watcher.id, { do: "watch", topics: [topic] });
  }

  /**
   * Waits until every viewer is connected, has been shown everything up to these positions, knows the ends of its jobs and
   * gets nothing more. Answers those that did not come to that in time, which the oracle then explains.
   */
  whenAtRest(targets, timeoutMs) {
    const owed = new Map(this.plans.map(({ id, topics }) => [id, targetsOf(topics, targets)]));
    return this.#until(({ id, isSubscribed, quietMs, unended, positions }) => {
      return isSubscribed && quietMs >= QUIET_MS && unended.length === 0 && hasReached(positions, owed.get(id));
    }, timeoutMs);
  }

  /** Lets the viewers leave; resolves when their records are written. */
  async end() {
    for (const { child } of this.#children) if (child.connected) child.send({ do: "end" });
    await Promise.all(this.#children.map(({ child }) => endChild(child)));
  }

  /** Waits until something holds for every viewer; answers those for which it did not in time. */
  async #until(holds, timeoutMs) {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const statuses = (await Promise.all(this.#children.map(({ child }) => askStatus(child)))).flat();
      const others = statuses.filter((status) => !holds(status));
      if (others.length === 0 || Date.now() > deadline) return others;
      await sleep(100);
    }
  }
}

/** Who watches single jobs need not be shown the last of a queue. */
function targetsOf(topics, targets) {
  const isWatched = ([queue]) => topics.includes("*") || topics.includes(`queue:${queue}`);
  return Object.fromEntries(Object.entries(targets).filter(isWatched));
}

function askStatus(child) {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error("a viewer process ended"));
    child.once("exit", gone);
    child.once("message", (statuses) => {
      child.off("exit", gone);
      resolve(statuses);
    });
    child.send({ do: "status" });
  });
}
