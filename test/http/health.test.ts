import { once } from "node:events";
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import type { PrivateRedis } from "../../scripts/private-redis.mjs";
import { freePort, startPrivateRedis } from "../../scripts/private-redis.mjs";
import type { BridgeOptions } from "../../src/config.ts";
import { healthSchema } from "../../src/http/schemas.ts";
import { Viewer } from "../support/viewer.ts";
import { call, listen, makeBridge, mountBridge, strict } from "./support.ts";

/** How soon health has to know, and how long an end may take, ms: what is promised. */
const KNOWN_WITHIN_MS = 2000;
const CLOSED_WITHIN_MS = 5000;
/** How long a recovery is waited for, ms: a machine at its limit takes long to start a Redis. */
const PATIENCE_MS = 15_000;

async function startRedis(port?: number): Promise<PrivateRedis> {
  const redis = await startPrivateRedis(port === undefined ? {} : { port });
  onTestFinished(() => redis.stop());
  return redis;
}

const healthOf = (httpUrl: string) => async () => {
  const { body } = await call(`${httpUrl}/health`);
  strict(healthSchema).parse(body);
  return healthSchema.parse(body);
};
type Health = Awaited<ReturnType<ReturnType<typeof healthOf>>>;

const isHealthy = ({ status, checks }: Health) =>
  status === "healthy" && Object.values(checks).every((check) => check.status === "healthy");

async function expectUnhealthy(httpUrl: string): Promise<void> {
  await expect
    .poll(async () => (await call(`${httpUrl}/health`)).status, {
      timeout: KNOWN_WITHIN_MS,
      interval: 25,
      message: "still healthy",
    })
    .toBe(503);
  expect(await healthOf(httpUrl)()).toMatchObject({
    status: "unhealthy",
    checks: { redis: { status: "unhealthy", reason: expect.stringMatching(/\w+ \w+/) } },
  });
}

async function expectHealthy(httpUrl: string): Promise<void> {
  await expect
    .poll(healthOf(httpUrl), { timeout: PATIENCE_MS, interval: 50, message: "never healthy again" })
    .toSatisfy(isHealthy);
  expect((await call(`${httpUrl}/health`)).status).toBe(200);
}

/** Health is only worth something if a job is really shown; its name comes over the second connection. */
async function expectJobShown(redisUrl: string, { wsUrl, prefix }: { wsUrl: string; prefix: string }): Promise<void> {
  const viewer = await Viewer.open(wsUrl);
  const queue = new Queue("emails", { prefix, connection: { url: redisUrl } });
  onTestFinished(() => queue.close());
  const { id } = await queue.add("welcome", {});
  const added = await viewer.next(({ type, meta }) => type === "task_added" && meta.task_id === id);
  expect(added.meta.name).toBe("welcome");
  viewer.socket.terminate();
}

const WATCHED: [what: string, options: Partial<BridgeOptions>][] = [
  ["with a queue", { queues: ["emails"] }],
  ["with discovery that has found none", { discover: true }],
];

test.each(WATCHED)(
  "a killed Redis is known within two seconds, and a new one is used by itself, %s",
  async (_, options) => {
    const redis = await startRedis();
    const { httpUrl, ...bridge } = await mountBridge({ connection: redis.url, ...options });
    await expectHealthy(httpUrl);

    await redis.stop();
    await expectUnhealthy(httpUrl);

    await startRedis(redis.port);
    await expectHealthy(httpUrl);
    await expectJobShown(redis.url, bridge);
  },
);

test.each(WATCHED)(
  "a Redis that hangs is known within two seconds, and used again when it goes on, %s",
  async (_, options) => {
    const redis = await startRedis();
    const { httpUrl, ...bridge } = await mountBridge({ connection: redis.url, ...options });
    await expectHealthy(httpUrl);

    process.kill(redis.pid, "SIGSTOP");
    await expectUnhealthy(httpUrl);

    process.kill(redis.pid, "SIGCONT");
    await expectHealthy(httpUrl);
    await expectJobShown(redis.url, bridge);
  },
);

test("a network that swallows everything is known within two seconds, and is got over", async () => {
  const redis = await startRedis();
  const network = await startFragileNetwork(redis.port);
  const { httpUrl, ...bridge } = await mountBridge({ connection: network.url, queues: ["emails"], discover: true });
  await expectHealthy(httpUrl);

  network.swallow();
  await expectUnhealthy(httpUrl);
  // A reconnection under way must not be waited for for ever, either.
  await network.swallowedAnew;

  network.mend();
  await expectHealthy(httpUrl);
  await expectJobShown(redis.url, bridge);
});

test("discovery goes on after a network that swallowed everything", async () => {
  const redis = await startRedis();
  const network = await startFragileNetwork(redis.port);
  const options = { connection: network.url, queues: ["emails"], discover: true };
  const { bridge, httpUrl, prefix } = await mountBridge(options);
  network.swallow();
  await expectUnhealthy(httpUrl);
  await network.swallowedAnew;
  network.mend();

  const queue = new Queue("late", { prefix, connection: { url: redis.url } });
  onTestFinished(() => queue.close());
  await queue.add("job", {});

  await expect.poll(() => bridge.queues, { timeout: PATIENCE_MS, interval: 50 }).toContain("late");
});

test("a bridge started before Redis is unhealthy, and healthy once Redis is there", async () => {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const { httpUrl, ...bridge } = await mountBridge({ connection: url, queues: ["emails"] });
  await expectUnhealthy(httpUrl);

  await startRedis(port);

  await expectHealthy(httpUrl);
  await expectJobShown(url, bridge);
});

test("a Redis that refuses the password is unhealthy, and the reason does not hold the password", async () => {
  const redis = await startRedis();
  const administrator = new Redis(redis.url);
  onTestFinished(() => administrator.disconnect());
  await administrator.config("SET", "requirepass", "right");
  const { httpUrl } = await mountBridge({ connection: redis.url.replace("//", "//:hunter2@"), queues: ["emails"] });
  await expectUnhealthy(httpUrl);
  const { text } = await call(`${httpUrl}/health`);
  expect(text).toMatch(/WRONGPASS|invalid password/i);
  expect(text).not.toContain("hunter2");
});

test("health is good as soon as start() has resolved", async () => {
  // Ten at a time, as it is a matter of which connection is ready first.
  const bridges = await Promise.all(Array.from({ length: 10 }, () => mountBridge({ queues: ["emails"] })));
  const answers = await Promise.all(bridges.map(({ httpUrl }) => call(`${httpUrl}/health`)));
  expect(answers.map(({ status }) => status)).toEqual(bridges.map(() => 200));
});

test("a bridge that is not started, or closed, is unhealthy", async () => {
  const { bridge } = makeBridge({ queues: ["emails"] });
  const { createServer: createHttpServer } = await import("node:http");
  const port = await listen(createHttpServer(bridge.router));
  const httpUrl = `http://127.0.0.1:${port}/ws`;

  await expectUnhealthy(httpUrl);
  await bridge.start();
  await expectHealthy(httpUrl);
  await bridge.close();
  await expectUnhealthy(httpUrl);
});

test("a bridge that may not listen to log channels is degraded, which is 200 with the reason", async () => {
  const redis = await startRedis();
  const administrator = new Redis(redis.url);
  onTestFinished(() => administrator.disconnect());
  await administrator.acl("SETUSER", "guest", "on", ">secret", "~*", "&*", "+@all", "-psubscribe", "-subscribe");
  const connection = redis.url.replace("//", "//guest:secret@");
  const { httpUrl } = await mountBridge({ connection, queues: ["emails"], logChannels: ["logs:*"] });

  await expect.poll(healthOf(httpUrl), { timeout: PATIENCE_MS, interval: 25 }).toMatchObject({
    status: "degraded",
    checks: { redis: { status: "healthy" }, log_channels: { status: "degraded", reason: expect.any(String) } },
  });
  expect((await call(`${httpUrl}/health`)).status).toBe(200);
});

/** Runs an end and fails when it takes longer than promised. */
async function expectBounded(end: Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  await end;
  expect(performance.now() - startedAt).toBeLessThan(CLOSED_WITHIN_MS);
}

const EVERYTHING = { queues: ["emails"], discover: true, logChannels: ["logs:*"] };

test.each<[state: string, trouble: (redis: PrivateRedis) => unknown]>([
  ["is dead", (redis) => redis.stop()],
  ["hangs", (redis) => process.kill(redis.pid, "SIGSTOP")],
])("close() ends soon while Redis %s, at once and when it is known", async (_, trouble) => {
  const redis = await startRedis();
  const options = { connection: redis.url, ...EVERYTHING };
  const [unaware, aware] = [await mountBridge(options), await mountBridge(options)];
  const viewer = await Viewer.open(unaware.wsUrl);

  await trouble(redis);

  await expectBounded(unaware.bridge.close());
  expect((await viewer.closed).code).toBe(1001);
  await expectUnhealthy(aware.httpUrl);
  await expectBounded(aware.bridge.close());
});

test("close() ends soon during a start() whose Redis hangs, and start() ends with it", async () => {
  const redis = await startRedis();
  process.kill(redis.pid, "SIGSTOP");
  const { bridge } = makeBridge({ connection: redis.url, ...EVERYTHING });
  const start = bridge.start();
  await expectBounded(bridge.close());
  await expectBounded(start);
});

test("start() goes on without a Redis that hangs, and reads when it goes on", async () => {
  const redis = await startRedis();
  process.kill(redis.pid, "SIGSTOP");
  const { httpUrl, ...bridge } = await mountBridge({ connection: redis.url, ...EVERYTHING });
  await expectUnhealthy(httpUrl);

  process.kill(redis.pid, "SIGCONT");

  await expectHealthy(httpUrl);
  await expectJobShown(redis.url, bridge);
});

/** A TCP relay that can swallow what goes through it, without closing anything, as a dead switch or a hung proxy does. */
async function startFragileNetwork(port: number) {
  let isSwallowing = false;
  let onAnew: () => void = () => undefined;
  const swallowedAnew = new Promise<void>((resolve) => {
    onAnew = resolve;
  });
  const relays = new Set<{ isDead: boolean }>();
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    // A relay that has lost bytes never comes back to life: the two ends no longer agree.
    const relay = { isDead: isSwallowing };
    relays.add(relay);
    if (isSwallowing) onAnew();
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("data", (chunk) => !relay.isDead && to.write(chunk));
      from.on("error", () => undefined);
      from.on("close", () => to.destroy());
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the relay is not listening");
  return {
    url: `redis://127.0.0.1:${address.port}`,
    swallow: () => {
      isSwallowing = true;
      for (const relay of relays) relay.isDead = true;
    },
    mend: () => {
      isSwallowing = false;
    },
    /** Resolves when a connection was made and swallowed after `swallow()`. */
    swallowedAnew,
  };
}
