import { expect, test } from "vitest";
import { freePort } from "../../scripts/private-redis.mjs";
import { openPrivateRedis, openQueue } from "../bridge/support.ts";
import { runBullcast } from "../cli/support.ts";
import { addReadOnlyUser } from "../support/read-only-user.ts";
import { uniquePrefix } from "../support/unique.ts";
import type { ReceivedMessage } from "../support/viewer.ts";
import { Viewer } from "../support/viewer.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { cursorsOf, sinceQuery } from "./support.ts";

const JOBS = 500;
const VIEWERS = 50;

/** A viewer that comes back with its cursors each time it is cut off; what it was told is kept together. */
class FaithfulViewer {
  readonly messages: ReceivedMessage[] = [];
  readonly #url: string;
  #isLeaving = false;
  #current: Viewer | undefined;

  constructor(url: string) {
    this.#url = url;
    void this.#stay();
  }

  get endings(): ReceivedMessage[] {
    return this.messages.filter(({ type }) => type === "task_success");
  }

  leave(): void {
    this.#isLeaving = true;
    this.#current?.socket.terminate();
  }

  async #stay(): Promise<void> {
    while (!this.#isLeaving) {
      const viewer = new Viewer(`${this.#url}?${sinceQuery(cursorsOf(this))}`);
      this.#current = viewer;
      viewer.socket.on("message", (data) => this.messages.push(JSON.parse(String(data)) as ReceivedMessage));
      await viewer.closed;
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 200));
    }
  }
}

test("the bridge is killed and restarted amid 500 running jobs and 50 viewers: all end with 500 right endings, each once", {
  timeout: 90_000,
}, async () => {
  const prefix = uniquePrefix();
  const { url } = await openPrivateRedis();
  const guestUrl = await addReadOnlyUser(url);
  const port = await freePort();
  const start = async () => {
    const args = ["serve", "--redis", guestUrl, "--queue", "emails", "--prefix", prefix, "--port", String(port)];
    const program = runBullcast(args);
    await program.says(/http:/);
    return program;
  };
  const first = await start();
  const viewers = Array.from({ length: VIEWERS }, () => new FaithfulViewer(`ws://127.0.0.1:${port}/ws`));
  const isWelcome = () => viewers.every(({ messages }) => messages.some(({ type }) => type === "subscribed"));
  await expect.poll(isWelcome, { timeout: 15_000 }).toBe(true);
  const queue = openQueue("emails", prefix, { redisUrl: url });
  await startStockWorker({ queue: "emails", prefix, redisUrl: url, concurrency: JOBS });
  const jobs = await queue.addBulk(
    Array.from({ length: JOBS }, (_, index) => ({
      name: "job",
      data: { progress: [1, 2], stepMs: 2000 + (index % 10) * 200, result: `result ${index}` },
    })),
  );
  // All are at work, but for those that a slow machine has ended meanwhile.
  await expect.poll(() => queue.getWaitingCount(), { timeout: 15_000 }).toBe(0);
  first.child.kill("SIGKILL");
  await first.exit;
  // Some end while nobody is there.
  await expect.poll(() => queue.getCompletedCount(), { timeout: 15_000 }).toBeGreaterThan(50);
  await start();

  await expect
    .poll(() => Math.min(...viewers.map(({ endings }) => endings.length)), { timeout: 40_000 })
    .toBeGreaterThanOrEqual(JOBS);
  for (const viewer of viewers) viewer.leave();
  const expected = Object.fromEntries(jobs.map(({ id = "" }, index) => [id, `result ${index}`]));
  for (const { endings, messages } of viewers) {
    expect(endings).toHaveLength(JOBS);
    expect(Object.fromEntries(endings.map(({ content, meta }) => [meta.task_id, content]))).toEqual(expected);
    expect(messages.filter(({ type }) => type === "gap")).toEqual([]);
  }
});
