// The two servers of a run, each of which can be killed and comes back as what it was.
import { setTimeout as sleep } from "node:timers/promises";
import { startPrivateRedis } from "../../scripts/private-redis.mjs";
import { READ_ONLY_RULES } from "../support/read-only-rules.mjs";
import { endChild, startChild } from "./child.mjs";

const HEALTHY_TIMEOUT_MS = 20_000;

/** A Redis that forgets nothing it has answered for. */
export class RedisServer {
  #folder;
  #server = null;
  #port;

  constructor(folder) {
    this.#folder = folder;
  }

  get url() {
    return `redis://127.0.0.1:${this.#port}`;
  }

  /** For the bridge, which needs no more. */
  get readOnlyUrl() {
    return `redis://guest:secret@127.0.0.1:${this.#port}`;
  }

  async start() {
    const user = ["--user", "guest", ...READ_ONLY_RULES];
    // One file for the whole run: a rewrite would throw away what was trimmed.
    const durable = ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"];
    this.#server = await startPrivateRedis({ port: this.#port, args: [...durable, "--dir", this.#folder, ...user] });
    this.#port = this.#server.port;
  }

  async kill() {
    await this.#server?.stop("SIGKILL");
  }
}

/** `bullcast serve` as people run it. */
export class BridgeServer {
  /** When it was started, epoch ms. */
  startedAt = [];
  #child = null;
  #args;
  #port;
  #log;

  constructor({ redisUrl, prefix, queues, port, log }) {
    this.#args = ["serve", "--redis", redisUrl, "--prefix", prefix, "--port", `${port}`, "--log-level", "debug"];
    for (const queue of queues) this.#args.push("--queue", queue);
    this.#port = port;
    this.#log = log;
  }

  get url() {
    return `ws://127.0.0.1:${this.#port}/ws`;
  }

  start() {
    this.startedAt.push(Date.now());
    this.#child = startChild("../../dist/cli/main.js", this.#args, { log: this.#log });
  }

  /** Waits until it reads its queues. */
  async whenHealthy() {
    const deadline = Date.now() + HEALTHY_TIMEOUT_MS;
    for (;;) {
      const status = await fetch(`http://127.0.0.1:${this.#port}/ws/health`).then(
        ({ status }) => status,
        () => 0,
      );
      if (status === 200) return;
      if (Date.now() > deadline) throw new Error(`the bridge is not healthy (status ${status}); see ${this.#log}`);
      await sleep(50);
    }
  }

  async kill() {
    await endChild(this.#child, "SIGKILL");
  }

  async stop() {
    if (this.#child) await endChild(this.#child);
  }
}
