import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { expect, inject, onTestFinished, test } from "vitest";
import { freePort } from "../../scripts/private-redis.mjs";
import { startBridge } from "../support/bridge.ts";
import { launchBrowser } from "../support/browser.ts";
import { startNginx } from "../support/nginx.ts";
import { uniquePrefix } from "../support/unique.ts";
import { Viewer } from "../support/viewer.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { codeBlocks, namedBlock, readDocument } from "./documents.ts";
import type { RunOptions } from "./run-program.ts";
import { runProgram } from "./run-program.ts";

const README = readDocument("README.md");

/** Runs one of the README's programs. */
const runBlock = (name: string, options?: RunOptions) => runProgram(README, name, options);

/** The rest of a program that makes a bridge: serves it, and says when it does. */
function serveBridge(port: number): string {
  return `import { createServer } from "node:http";
const server = createServer(bridge.router);
bridge.attach(server);
await bridge.start();
server.listen(${port}, "127.0.0.1", () => process.send("ready"));`;
}

/** The README's programs watch queue `emails` with the default prefix; one test at a time uses it. */
function emails(): Queue {
  const queue = new Queue("emails", { connection: { url: inject("redisUrl") } });
  onTestFinished(async () => {
    await queue.obliterate({ force: true });
    await queue.close();
  });
  return queue;
}

test("the ten lines of a server, with the worker that logs", async () => {
  const port = await freePort();
  runBlock("server.js", { port });
  runBlock("worker.js");
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
  const viewer = await Viewer.open(`ws://127.0.0.1:${port}/ws?queue=emails`);

  await emails().add("welcome", { to: "ada@example.com" });

  expect((await viewer.next("task_success")).content).toEqual({ sent: true });
  const told = viewer.messages.filter(({ type }) => type === "logs" || type === "task_progress");
  const lines = told.filter(({ type }) => type === "logs").map(({ content, meta }) => [content, meta.level, meta.data]);
  expect(lines).toEqual([
    ["sending", "info", { to: "ada@example.com" }],
    ["the mail server is slow today", "warn", undefined],
  ]);
  expect(told.filter(({ type }) => type === "task_progress").map(({ content }) => content)).toEqual([50]);
});

test("a page's whole code", async () => {
  const { bridge, prefix } = await startBridge({ queues: ["emails"], heartbeatInterval: 0.2, heartbeatTimeout: 5 });
  await startStockWorker({ queue: "emails", prefix, redisUrl: inject("redisUrl") });
  const server = createServer((request, response) => {
    if (request.url !== "/") return bridge.router(request, response);
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><script>${namedBlock(README, "browser.js")}</script>`);
  });
  bridge.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => server.closeAllConnections());
  const page = await (await launchBrowser()).newPage();
  const lines: string[] = [];
  page.on("console", (message) => lines.push(message.text()));
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await expect.poll(() => bridge.stats().heartbeat.pongs, { timeout: 10_000 }).toBeGreaterThan(0);
  const queue = new Queue("emails", { prefix, connection: { url: inject("redisUrl") } });
  onTestFinished(() => queue.close());

  await queue.add("welcome", { progress: [40], failFirst: 1, reason: "greylisted" }, { attempts: 2 });

  await expect.poll(() => lines.join("\n"), { timeout: 10_000 }).toContain("job 1 is done");
  expect(lines).toEqual(expect.arrayContaining(["job 1 is at 40 %", "job 1 failed attempt 1: greylisted"]));
});

test("the client's program says how a job ended, and ends", async () => {
  const { wsUrl, prefix } = await startBridge({ queues: ["emails"] });
  await startStockWorker({ queue: "emails", prefix, redisUrl: inject("redisUrl") });
  const queue = new Queue("emails", { prefix, connection: { url: inject("redisUrl") } });
  onTestFinished(() => queue.close());
  await queue.add("welcome", { progress: [40], result: { sent: true } });
  const child = runBlock("client.js", { more: "process.send({ state, result });", url: wsUrl });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const answer = await new Promise((resolve) => child.once("message", resolve));
  expect(answer).toEqual({ state: "completed", result: { sent: true } });
  expect(await exited).toBe(0);
});

test("the access settings admit whom they say", async () => {
  const port = await freePort();
  const more = serveBridge(port);
  const child = runBlock("access.js", { more });
  await new Promise((resolve) => child.once("message", resolve));
  const url = `ws://127.0.0.1:${port}/ws`;
  const alice = await Viewer.open(`${url}/a`, { headers: { cookie: "session=alice" } });
  expect((await alice.next("connected")).content.client_id).toBe("a");
  expect((await new Viewer(url).closed).code).toBe(4401);
  await Viewer.open(`${url}?token=secret`);
  await Viewer.open(url, { headers: { cookie: "session=alice", origin: "https://app.example.com" } });
  expect(
    (await Viewer.refusal(url, { headers: { cookie: "session=alice", origin: "https://evil.example.com" } })).status,
  ).toBe(403);
  expect((await fetch(`http://127.0.0.1:${port}/ws/stats`)).status).toBe(401);
  expect(
    (await fetch(`http://127.0.0.1:${port}/ws/stats`, { headers: { authorization: "Bearer secret" } })).status,
  ).toBe(200);
});

test("the lines about messages and queues", async () => {
  const port = await freePort();
  const [attach, detach] = ["bridge.attachQueue", "bridge.detachQueue"];
  expect(namedBlock(README, "messages.js")).toContain(attach);
  expect(namedBlock(README, "messages.js")).toContain(detach);
  const more = serveBridge(port);
  const child = runBlock("messages.js", { more });
  await new Promise((resolve) => child.once("message", resolve));
  const viewer = await Viewer.open(`ws://127.0.0.1:${port}/ws/ada`);
  viewer.send({ type: "hello", content: { name: "Ada" } });
  expect((await viewer.next("greeting")).content).toBe("Hello Ada");
});

test("the nginx location passes on REST and sockets, and the page's origin with them", async () => {
  const { httpUrl, prefix } = await startBridge({ queues: ["emails"], adminToken: "secret" });
  const [location = ""] = codeBlocks(README, "nginx");
  expect(location).toContain("http://127.0.0.1:3939/");
  const port = await startNginx(location.replace("127.0.0.1:3939", new URL(httpUrl).host));
  const authorization = { authorization: "Bearer secret" };
  expect((await fetch(`http://127.0.0.1:${port}/bull/ws/stats`, { headers: authorization })).status).toBe(200);
  const viewer = await Viewer.open(`ws://127.0.0.1:${port}/bull/ws?token=secret`, {
    headers: { origin: `http://127.0.0.1:${port}` },
  });
  const queue = new Queue("emails", { prefix, connection: { url: inject("redisUrl") } });
  onTestFinished(() => queue.close());
  await queue.add("welcome", {});
  await viewer.next("task_waiting");
});

test("the Redis user of the README is enough", async () => {
  const admin = new Redis(inject("redisUrl"));
  const user = uniquePrefix();
  onTestFinished(async () => {
    await admin.call("ACL", "DELUSER", user);
    admin.disconnect();
  });
  const line = /^ACL SETUSER bullcast (.*)$/m.exec(README)?.[1] ?? "";
  const { redis_version: version } = Object.fromEntries(
    (await admin.info("server")).split("\r\n").map((entry) => entry.split(":", 2)),
  ) as { redis_version: string };
  // As the README says: that subcommand is known from 7.2 on.
  const rules = line.split(" ").filter((rule) => version >= "7.2" || rule !== "+client|setinfo");
  const prefix = `bull:${user}`;
  await admin.call("ACL", "SETUSER", user, ...rules);
  const connection = inject("redisUrl").replace("redis://", `redis://${user}:secret@`);
  const { wsUrl, bridge } = await startBridge({ connection, prefix, queues: ["emails"], discover: true });
  expect(bridge.health()).toEqual({ status: "healthy", checks: expect.anything() });
  await startStockWorker({ queue: "emails", prefix, redisUrl: inject("redisUrl") });
  const viewer = await Viewer.open(wsUrl);
  const queue = new Queue("emails", { prefix, connection: { url: inject("redisUrl") } });
  onTestFinished(() => queue.close());
  await queue.add("welcome", { failFirst: 1, reason: "greylisted" }, { attempts: 2 });
  await viewer.next("task_success");
  expect((await viewer.next("task_retrying")).content).toBe("greylisted");
  await expect(
    new Redis(connection, { lazyConnect: true, retryStrategy: () => null }).set(`${prefix}:x`, "1"),
  ).rejects.toThrow(/NOPERM/);
});
