import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { QueueEvents } from "bullmq";
import { expect, inject, onTestFinished, test } from "vitest";
import { createBridge } from "../../src/index.ts";
import { startBridge } from "../support/bridge.ts";
import { connectionTo, openRedis } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import { Viewer } from "../support/viewer.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { openPrivateRedis, openQueue, readHealth, typesOf } from "./support.ts";

const WAITING = ["task_added", "task_waiting"];

test("a bridge that has started reads and is healthy, each time", async () => {
  for (let count = 0; count < 40; count += 1) {
    const bridge = createBridge({ connection: inject("redisUrl"), prefix: uniquePrefix(), queues: ["emails"] });
    await bridge.start();
    const health = bridge.health();
    await bridge.close();
    expect(health).toMatchObject({ status: "healthy" });
  }
});

test("what a QueueEvents skips when its connection is lost before its first event is told all the same", async () => {
  const { bridge, prefix, wsUrl } = await startBridge();
  const viewer = await Viewer.open(wsUrl);
  const queue = openQueue("emails", prefix);
  const instance = new QueueEvents("emails", { prefix, connection: connectionTo(inject("redisUrl")) });
  // One that has lost its connection may never say that it has closed.
  onTestFinished(() => Promise.race([instance.close(), sleep(2000)]));
  instance.on("error", () => undefined);
  await instance.waitUntilReady();
  bridge.attachQueue(instance);
  const redis = openRedis();
  const name = `${prefix}:${Buffer.from("emails").toString("base64")}:qe`;
  const ownId = async () => {
    const list = String(await redis.call("CLIENT", "LIST"));
    return list
      .split("\n")
      .flatMap((line) => (line.includes(`name=${name}`) ? (/^id=(\d+)/.exec(line)?.[1] ?? []) : []));
  };
  await expect.poll(ownId).toHaveLength(1);

  await redis.call("CLIENT", "KILL", "ID", String((await ownId())[0]));
  const ids = [];
  for (const job of ["first", "second", "third"]) ids.push((await queue.add(job, {})).id ?? "");

  for (const id of ids)
    await viewer.until(() => typesOf(viewer, "emails", id).length >= WAITING.length, `job ${id} untold`);
  for (const id of ids) expect(typesOf(viewer, "emails", id)).toEqual(WAITING);
});

test("a queue whose key is no stream harms no other, is named by health, and is read once it can be", async () => {
  const redis = openRedis();
  const prefix = uniquePrefix();
  await redis.set(`${prefix}:bad:events`, "no stream");
  const { httpUrl, wsUrl } = await startBridge({ prefix, queues: ["good", "bad"] });
  const viewer = await Viewer.open(wsUrl);

  const good = await openQueue("good", prefix).add("job", {});
  await viewer.until(() => typesOf(viewer, "good", good.id ?? "").length === WAITING.length);
  expect(await readHealth(httpUrl)).toMatchObject({
    status: "degraded",
    checks: { "queue:bad": { status: "degraded", reason: expect.stringContaining("WRONGTYPE") } },
  });

  await redis.del(`${prefix}:bad:events`);
  const bad = await openQueue("bad", prefix).add("job", {});
  await viewer.until(() => typesOf(viewer, "bad", bad.id ?? "").length === WAITING.length);
  await expect.poll(() => readHealth(httpUrl)).toMatchObject({ status: "healthy" });
});

test("a database that does not exist is no other database", async () => {
  const { url } = await openPrivateRedis();
  const { httpUrl, wsUrl } = await startBridge({ connection: `${url}/99`, queues: ["emails"] });
  const viewer = await Viewer.open(wsUrl);
  await openQueue("emails", "bull", { redisUrl: url }).add("of database 0", {});
  expect(await readHealth(httpUrl)).toMatchObject({
    httpStatus: 503,
    checks: { redis: { reason: expect.stringContaining("DB index is out of range") } },
  });
  expect(viewer.messages.map(({ type }) => type)).toEqual(["connected", "subscribed"]);
});

test("two bridges share a server; an upgrade for neither is answered, and its reset harms nobody", async () => {
  const server = createServer();
  const prefixes = [uniquePrefix(), uniquePrefix()];
  const bridges = prefixes.map((prefix, index) => {
    const bridge = createBridge({
      connection: inject("redisUrl"),
      prefix,
      basePath: `/ws${index}`,
      queues: ["emails"],
    });
    bridge.attach(server);
    bridge.attach(server);
    onTestFinished(() => bridge.close());
    return bridge;
  });
  await Promise.all(bridges.map((bridge) => bridge.start()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => server.closeAllConnections());
  const { port } = server.address() as AddressInfo;

  const viewers = await Promise.all([0, 1].map((index) => Viewer.open(`ws://127.0.0.1:${port}/ws${index}`)));
  expect((await Viewer.refusal(`ws://127.0.0.1:${port}/nobody`)).status).toBe(404);
  for (let count = 0; count < 5; count += 1) {
    const socket = connect(port, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.write("GET /nobody HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    socket.resetAndDestroy();
  }
  for (const [index, viewer] of viewers.entries()) {
    const { id = "" } = await openQueue("emails", prefixes[index] ?? "").add("job", {});
    await viewer.until(() => typesOf(viewer, "emails", id).length === WAITING.length);
  }
});

test("close() ends upgrades that wait for `authenticate`", async () => {
  let asked = () => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const authenticate = () => {
    asked();
    return new Promise<null>(() => undefined);
  };
  const { bridge, wsUrl } = await startBridge({ authenticate });
  const refusal = Viewer.refusal(wsUrl);
  await isAsked;
  await bridge.close();
  expect((await refusal).status).toBe(503);
});

test("a result too large to push is left out, and said to be", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails"], maxQueueBytes: 64 * 1024 });
  await startStockWorker({ queue: "emails", prefix });
  const viewer = await Viewer.open(wsUrl);
  const result = "x".repeat(20_000);
  await openQueue("emails", prefix).add("job", { result });
  const { content, meta } = await viewer.next("task_success");
  expect({ content, omitted: meta.omitted_bytes }).toEqual({ content: null, omitted: expect.any(Number) });
  expect(meta.omitted_bytes).toBeGreaterThan(result.length);
});
