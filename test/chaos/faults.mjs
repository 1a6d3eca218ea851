// What goes wrong in a run, and when: chosen from a seeded random, carried out one beside the other.
import { setTimeout as sleep } from "node:timers/promises";

/** Faults by weight. */
const WEIGHTS = {
  "viewers drop": 6,
  "viewers stall": 2,
  "bridge killed": 2,
  "bridge connection killed": 2,
  "all bridge connections killed": 2,
  "redis killed": 2,
  "stream trimmed": 3,
  "stream trimmed while viewers are away": 2,
  "malformed entries": 3,
};

/** Entries that no BullMQ writes, and that nobody may stumble over. `job` is the id of a real one. */
const MALFORMED = [
  ["events", ["event", "progress", "jobId", "job", "data", "{not json"]],
  ["events", ["event", "progress", "jobId", "job", "data", ""]],
  ["events", ["event", "progress", "jobId", "job"]],
  ["events", ["event", "completed", "jobId", "job", "returnvalue", "{not json"]],
  ["events", ["jobId", "job"]],
  ["events", ["event", "active"]],
  ["events", ["event", "error", "jobId", "job"]],
  ["events", ["event", "ioredis:close"]],
  ["events", ["nothing", "at all"]],
  ["logs", ["level", "info", "msg", "whose line is this"]],
  ["logs", ["job", "job", "level", "info"]],
];

export class Faults {
  /** What was done: `{ at, fault, ...details }`. */
  done = [];
  #random;
  #redisServer;
  #bridge;
  #redis;
  #viewers;
  #queues;
  #prefix;
  #onFault;
  #busy = new Set();

  /** `redis` is a client of the suite's own; `viewers` has `ids` and `order(viewer, order)`. */
  constructor({ random, redisServer, bridge, redis, viewers, queues, prefix, onFault }) {
    this.#random = random;
    this.#redisServer = redisServer;
    this.#bridge = bridge;
    this.#redis = redis;
    this.#viewers = viewers;
    this.#queues = queues;
    this.#prefix = prefix;
    this.#onFault = onFault;
  }

  /** Goes on until the signal; resolves when all that was broken is mended. */
  async run(signal) {
    const begun = [];
    while (!signal.aborted) {
      await sleep(this.#random.integer(200, 1800), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      // Each has a source of its own, as whether one is left out depends on time and must not change the others.
      const fault = this.#begin(this.#random.weighted(WEIGHTS), this.#random.fork(begun.length));
      fault.catch(() => undefined);
      begun.push(fault);
    }
    await Promise.all(begun);
  }

  #begin(name, random) {
    switch (name) {
      case "viewers drop":
        return this.#drop(name, random);
      case "viewers stall":
        return this.#stall(name, random);
      case "bridge killed":
        return this.#alone("bridge", () => this.#killBridge(name, random));
      case "redis killed":
        return this.#alone("redis", () => this.#killRedis(name, random));
      case "bridge connection killed":
      case "all bridge connections killed":
        return this.#alone("redis", () => this.#killConnections(name, random));
      case "malformed entries":
        return this.#alone("redis", () => this.#inject(name, random));
      default:
        return this.#alone("redis", () => this.#trim(name, random));
    }
  }

  /** Nothing is broken twice at a time; what would be is left out. */
  async #alone(part, act) {
    if (this.#busy.has(part)) return;
    this.#busy.add(part);
    try {
      await act();
    } finally {
      this.#busy.delete(part);
    }
  }

  #note(fault, details) {
    const record = { at: Date.now(), fault, ...details };
    this.done.push(record);
    this.#onFault(record);
  }

  async #drop(name, random, share = random.pick([0.1, 0.3, 1]), minimumMs = 0) {
    const dropped = random.some(this.#viewers.ids, share);
    this.#note(name, { viewers: dropped });
    const awayMs = dropped.map(() => minimumMs + random.integer(0, 5000 - minimumMs));
    for (const [index, viewer] of dropped.entries()) this.#viewers.order(viewer, { do: "drop", awayMs: awayMs[index] });
    await sleep(Math.max(...awayMs));
  }

  async #stall(name, random) {
    const stalled = random.some(this.#viewers.ids, 0.2);
    const stallMs = random.integer(200, 3000);
    this.#note(name, { viewers: stalled, stallMs });
    for (const viewer of stalled) this.#viewers.order(viewer, { do: "stall", stallMs });
    await sleep(stallMs);
  }

  async #killBridge(name, random) {
    const downMs = random.integer(0, 1500);
    this.#note(name, { downMs });
    await this.#bridge.kill();
    await sleep(downMs);
    this.#bridge.start();
  }

  async #killRedis(name, random) {
    const downMs = random.integer(0, 2000);
    this.#note(name, { downMs });
    await this.#redisServer.kill();
    await sleep(downMs);
    await this.#redisServer.start();
  }

  async #killConnections(name, random) {
    const clients = await this.#redis.client("LIST");
    const ids = clients
      .split("\n")
      .flatMap((line) => (/ name=bullcast /.test(line) ? [/^id=(\d+)/.exec(line)[1]] : []));
    if (ids.length === 0) return;
    const killed = name.startsWith("all") ? ids : [random.pick(ids)];
    this.#note(name, { killed: killed.length, of: ids.length });
    await Promise.all(killed.map((id) => this.#redis.client("KILL", "ID", id)));
  }

  async #trim(name, random) {
    const queue = random.pick(this.#queues);
    const stream = random.chance(0.75) ? "events" : "bullcast-logs";
    const length = random.pick([0, 1, 5, 20]);
    const away = name.endsWith("away") ? this.#drop(`${name} (viewers drop)`, random, 0.5, 1000) : null;
    if (away) await sleep(random.integer(300, 900));
    // The clock's entry, in the same transaction, tells the oracle when it was.
    const replies = await this.#redis
      .multi()
      .xtrim(`${this.#prefix}:${queue}:${stream}`, "MAXLEN", length)
      .xadd(`${this.#prefix}:clock`, "*", "trimmed", queue)
      .exec();
    this.#note(name, { queue, stream, length, removed: replies[0][1] });
    await away;
  }

  async #inject(name, random) {
    const queue = random.pick(this.#queues);
    const [stream, fields] = random.pick(MALFORMED);
    const jobId = await this.#redis.lindex(`${this.#prefix}:${queue}:active`, 0);
    const key = `${this.#prefix}:${queue}:${stream === "logs" ? "bullcast-logs" : stream}`;
    const written = fields.map((field) => (field === "job" ? (jobId ?? "job-0") : field));
    if (stream === "logs" && fields[0] === "job") written[0] = "job";
    this.#note(name, { queue, stream, fields: written });
    await this.#redis.xadd(key, "*", ...written);
  }
}
