import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Queue } from "bullmq";
import { expect, inject, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { freePort } from "../../scripts/private-redis.mjs";
import { uniquePrefix } from "../support/unique.ts";

/** `LOAD_SECONDS=120` makes it the long run. */
const SECONDS = Number(process.env.LOAD_SECONDS ?? 8);
const JOBS_PER_SECOND = 40;
const PROGRESS_REPORTS = 5;
const LOG_LINES = 10;
const VIEWERS = 20;

/** What one viewer keeps: counts alone, as twenty viewers of a long run see millions of messages. */
class CountingViewer {
  successes = 0;
  progress = 0;
  lateLines = 0;
  /** Jobs whose lines were not all there, in order, when the job ended. */
  incomplete: string[] = [];
  closed: number | null = null;
  readonly #lines = new Map<string, number>();
  readonly socket: WebSocket;

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.on("message", (data) => this.#received(JSON.parse(String(data))));
    this.socket.on("close", (code) => {
      this.closed = code;
    });
  }

  #received({ type, content, meta }: { type: string; content: unknown; meta: { task_id: string } }): void {
    const job = meta.task_id;
    if (type === "ping") this.socket.send(JSON.stringify({ type: "pong", content: "pong", meta }));
    else if (type === "task_progress") this.progress += 1;
    else if (type === "logs") {
      const lines = this.#lines.get(job) ?? 0;
      if (lines === -1) this.lateLines += 1;
      else if (content === `line ${lines}`) this.#lines.set(job, lines + 1);
      else this.incomplete.push(job);
    } else if (type === "task_success") {
      this.successes += 1;
      if (this.#lines.get(job) !== LOG_LINES) this.incomplete.push(job);
      this.#lines.set(job, -1);
    }
  }
}

test(`every viewer gets every end and every line before it, ${SECONDS} s at ${JOBS_PER_SECOND} jobs/s`, {
  timeout: (SECONDS + 60) * 1000,
}, async () => {
  const [prefix, redisUrl, port] = [uniquePrefix(), inject("redisUrl"), await freePort()];
  const start = (path: string, args: string[], env = {}) => {
    const child = fork(fileURLToPath(new URL(path, import.meta.url)), args, {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      execArgv: [],
      env: { ...process.env, ...env },
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    return child;
  };
  start("../../dist/cli/main.js", [
    "serve",
    "--redis",
    redisUrl,
    "--queue",
    "load",
    "--prefix",
    prefix,
    "--port",
    `${port}`,
  ]);
  const workerOptions = JSON.stringify({ queue: "load", prefix, redisUrl, concurrency: 10 });
  const workers = [1, 2].map(() => start("../fixtures/load-worker.mjs", [workerOptions]));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  await expect
    .poll(
      () =>
        fetch(`http://127.0.0.1:${port}/ws/health`).then(
          ({ status }) => status,
          () => 0,
        ),
      { timeout: 10_000 },
    )
    .toBe(200);
  const viewers = Array.from({ length: VIEWERS }, () => new CountingViewer(`ws://127.0.0.1:${port}/ws`));
  await Promise.all(viewers.map(({ socket }) => once(socket, "open")));

  const queue = new Queue("load", { prefix, connection: { url: redisUrl } });
  onTestFinished(() => queue.close());
  const job = { name: "job", data: { progress: PROGRESS_REPORTS, lines: LOG_LINES }, opts: { removeOnComplete: 100 } };
  const startedAt = performance.now();
  let added = 0;
  while (added < SECONDS * JOBS_PER_SECOND) {
    const due = Math.min(
      SECONDS * JOBS_PER_SECOND,
      Math.ceil(((performance.now() - startedAt) / 1000) * JOBS_PER_SECOND),
    );
    await queue.addBulk(Array.from({ length: due - added }, () => job));
    added = Math.max(added, due);
    await sleep(10);
  }
  const completed = async () => {
    const answers = workers.map(async (worker) => {
      const answer = once(worker, "message");
      worker.send("how many?");
      const [{ completed: count }] = (await answer) as [{ completed: number }];
      return count;
    });
    return (await Promise.all(answers)).reduce((sum, count) => sum + count, 0);
  };
  await expect.poll(completed, { timeout: 30_000 }).toBe(added);
  await expect.poll(() => Math.min(...viewers.map(({ successes }) => successes)), { timeout: 30_000 }).toBe(added);

  const expected = { successes: added, progress: added * PROGRESS_REPORTS, lateLines: 0, incomplete: [], closed: null };
  for (const { successes, progress, lateLines, incomplete, closed } of viewers) {
    expect({ successes, progress, lateLines, incomplete, closed }).toEqual(expected);
  }
  const stats = (await (await fetch(`http://127.0.0.1:${port}/ws/stats`)).json()) as {
    latency_ms: object;
    messages: { out: number };
  };
  console.log(
    `${added} jobs, ${stats.messages.out} messages to ${VIEWERS} viewers, latency ms ${JSON.stringify(stats.latency_ms)}`,
  );
});
