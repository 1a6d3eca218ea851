import { expect, inject, test } from "vitest";
import { z } from "zod";
import { InvalidHandlerError, InvalidMessageError, WebSocketMessage } from "../../src/index.ts";
import { startBridge } from "../support/bridge.ts";
import { Viewer } from "../support/viewer.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { PythonViewer } from "./python-viewer.ts";
import { openQueue, readStats, typesOf } from "./support.ts";

const WHOLE_STORY = ["task_added", "task_waiting", "task_active", "task_success"];

test("a message of the application reaches everybody, or the one it is for, and says how many", async () => {
  const { bridge, wsUrl } = await startBridge();
  const [ann, bob] = await Promise.all([Viewer.open(`${wsUrl}/ann`), Viewer.open(`${wsUrl}/bob?watch=none`)]);
  const timestamp = "2026-01-02T03:04:05.000Z";

  expect(bridge.notify(new WebSocketMessage({ type: "news", content: { version: 2 }, meta: { by: "ops" } }))).toBe(2);
  expect(bridge.notify({ type: "secret", content: "for Ann", timestamp }, { clientId: "ann" })).toBe(1);
  expect(bridge.notify({ type: "secret" }, { clientId: "nobody" })).toBe(0);
  expect(bridge.notify({ type: "last" })).toBe(2);

  await Promise.all([ann.next("last"), bob.next("last")]);
  for (const viewer of [ann, bob]) {
    expect(await viewer.next("news")).toEqual({
      type: "news",
      content: { version: 2 },
      meta: { by: "ops" },
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
  }
  expect(await ann.next("secret")).toEqual({ type: "secret", content: "for Ann", meta: {}, timestamp });
  expect(bob.messages.map(({ type }) => type)).toEqual(["connected", "news", "last"]);
});

test("an application can send neither the protocol's own types nor what is no type nor what is no JSON", async () => {
  const { bridge, wsUrl } = await startBridge();
  const viewer = await Viewer.open(wsUrl);
  const protocolTypes = ["task_success", "queue_paused", "ping", "connected", "logs", "snapshot", "gap", "error"];
  for (const type of [...protocolTypes, "", "1st", "with space", "x".repeat(65)]) {
    expect(() => bridge.notify({ type }), type).toThrow(InvalidMessageError);
  }
  expect(() => bridge.notify({ type: "big", content: 1n })).toThrow(InvalidMessageError);

  bridge.notify({ type: "fence" });
  await viewer.next("fence");
  expect(viewer.messages.map(({ type }) => type)).toEqual(["connected", "subscribed", "fence"]);
});

test("a custom message of a client reaches its handler once its content fits, and is answered", async () => {
  const { bridge, wsUrl } = await startBridge();
  const asked: unknown[] = [];
  bridge.onMessage("sum", z.object({ numbers: z.array(z.number()) }), ({ numbers }, { clientId, requestId }) => {
    asked.push(numbers);
    const content = numbers.reduce((total, number) => total + number, 0);
    bridge.notify({ type: "sum", content, meta: { request_id: requestId } }, { clientId });
  });
  bridge.onMessage("fail", z.unknown(), () => {
    throw new Error("with a secret in it");
  });
  expect(() => bridge.onMessage("sum", z.unknown(), () => undefined)).toThrow(InvalidHandlerError);
  expect(() => bridge.onMessage("subscribe", z.unknown(), () => undefined)).toThrow(InvalidHandlerError);
  const viewer = await Viewer.open(wsUrl);

  viewer.send({ type: "sum", content: { numbers: [1, 2, 3] }, meta: { request_id: "a" } });
  expect(await viewer.next("sum")).toMatchObject({ content: 6, meta: { request_id: "a" } });
  viewer.send({ type: "sum", content: { numbers: ["1"] }, meta: { request_id: "b" } });
  const refusal = await viewer.next(({ meta }) => meta.request_id === "b");
  expect(refusal).toMatchObject({ type: "error", content: { code: "bad_message" } });
  expect(refusal.content.message).toContain("numbers.0");
  expect(asked).toEqual([[1, 2, 3]]);
  viewer.send({ type: "fail", content: null, meta: { request_id: "c" } });
  const failure = await viewer.next(({ meta }) => meta.request_id === "c");
  expect(failure).toMatchObject({ type: "error", content: { code: "handler_failed" } });
  expect(JSON.stringify(failure)).not.toContain("secret");
  viewer.send({ type: "unheard-of", content: null, meta: { request_id: "d" } });
  expect(await viewer.next(({ meta }) => meta.request_id === "d")).toMatchObject({
    type: "error",
    content: { code: "unknown_type" },
  });
});

test("a client message may leave out content and meta", async () => {
  const { bridge, wsUrl } = await startBridge();
  bridge.onMessage("hello", z.undefined(), (_content, { clientId }) => {
    bridge.notify({ type: "hello-yourself" }, { clientId });
  });
  const viewer = await Viewer.open(wsUrl);

  viewer.send({ type: "ping" });
  viewer.send({ type: "hello" });
  bridge.notify({ type: "fence" });
  await viewer.until(() => viewer.messages.some(({ type }) => type === "hello-yourself" || type === "error"));
  await viewer.next("fence");
  const answers = viewer.messages.filter(({ type }) => !["connected", "subscribed", "fence"].includes(type));
  expect(answers.map(({ type }) => type)).toEqual(["pong", "hello-yourself"]);
});

test("a viewer gets the queues and jobs of its URL, each message once, and no others", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails", "images"] });
  const redisUrl = inject("redisUrl");
  await Promise.all(["emails", "images"].map((queue) => startStockWorker({ queue, prefix, redisUrl })));
  const [emails, images] = [openQueue("emails", prefix), openQueue("images", prefix)];
  // A custom id may hold colons, as those of repeated jobs do.
  const wanted = "crop:wanted:1";
  const [everything, ofQueue, ofJob, ofBoth] = await Promise.all([
    Viewer.open(wsUrl),
    Viewer.open(`${wsUrl}?queue=emails`),
    Viewer.open(`${wsUrl}?job=images:${wanted}`),
    Viewer.open(`${wsUrl}?queue=emails&job=images:${wanted}&job=emails:letter`),
  ]);
  const hasEnded = (viewer: Viewer, queue: string, id: string) =>
    viewer.until(() => typesOf(viewer, queue, id).includes("task_success"), `${queue}:${id} never ended`);

  await images.add("crop", {}, { jobId: "other" });
  await hasEnded(everything, "images", "other");
  await emails.add("letter", {}, { jobId: "letter" });
  await Promise.all([everything, ofQueue, ofBoth].map((viewer) => hasEnded(viewer, "emails", "letter")));
  await images.add("crop", {}, { jobId: wanted });
  await Promise.all([everything, ofJob, ofBoth].map((viewer) => hasEnded(viewer, "images", wanted)));

  const jobsOf = (viewer: Viewer) =>
    viewer.messages.flatMap(({ type, meta }) => (type.startsWith("task_") ? [`${meta.task_id} ${type}`] : []));
  const story = (id: string) => WHOLE_STORY.map((type) => `${id} ${type}`);
  expect(jobsOf(everything)).toEqual([...story("other"), ...story("letter"), ...story(wanted)]);
  expect(jobsOf(ofQueue)).toEqual(story("letter"));
  expect(jobsOf(ofJob)).toEqual(story(wanted));
  expect(jobsOf(ofBoth)).toEqual([...story("letter"), ...story(wanted)]);
});

test("what a viewer subscribes to comes from then on, what it unsubscribes from no longer", async () => {
  const { bridge, prefix, wsUrl } = await startBridge({ queues: ["emails", "images"] });
  const [emails, images] = [openQueue("emails", prefix), openQueue("images", prefix)];
  const [everything, viewer] = await Promise.all([Viewer.open(wsUrl), Viewer.open(`${wsUrl}?watch=none`)]);
  const request = async (type: string, topics: string[], id: string) => {
    viewer.send({ type, content: { topics }, meta: { request_id: id } });
    return viewer.next(({ meta }) => meta.request_id === id);
  };
  /** Adds a job to each queue and waits until a viewer of everything and then this one have been told. */
  const addBoth = async (jobId: string) => {
    await emails.add("letter", {}, { jobId });
    await images.add("crop", {}, { jobId });
    await everything.until(() => ["emails", "images"].every((queue) => typesOf(everything, queue, jobId).length === 2));
    bridge.notify({ type: `fence-${jobId}` });
    await viewer.next(`fence-${jobId}`);
    return ["emails", "images"].filter((queue) => typesOf(viewer, queue, jobId).length === 2);
  };

  expect(await addBoth("a")).toEqual([]);
  expect(await request("subscribe", ["queue:emails"], "1")).toMatchObject({
    type: "subscribed",
    content: { topics: ["queue:emails"], recovered: false, cursors: { emails: expect.any(String) } },
  });
  expect(await addBoth("b")).toEqual(["emails"]);
  expect(await request("subscribe", ["*"], "2")).toMatchObject({
    type: "subscribed",
    content: { topics: ["*"], cursors: { emails: expect.any(String), images: expect.any(String) } },
  });
  expect(await addBoth("c")).toEqual(["emails", "images"]);
  expect(await request("unsubscribe", ["*"], "3")).toMatchObject({ type: "unsubscribed", content: { topics: ["*"] } });
  expect(await addBoth("d")).toEqual(["emails"]);
  await request("subscribe", ["job:images:e"], "4");
  await request("unsubscribe", ["queue:emails"], "5");
  expect(await addBoth("e")).toEqual(["images"]);
  expect(await addBoth("f")).toEqual([]);
  expect(await request("subscribe", ["nothing:of:this:kind"], "6")).toMatchObject({
    type: "error",
    content: { code: "bad_message" },
  });
});

test("a viewer that answers no ping stays for as long as its socket is healthy", async () => {
  const { wsUrl, httpUrl } = await startBridge({ heartbeatInterval: 0.3, heartbeatTimeout: 1 });
  const [viewer, python] = await Promise.all([Viewer.open(wsUrl), PythonViewer.open(wsUrl)]);
  const pings = ({ messages }: Pick<Viewer, "messages">) => messages.filter(({ type }) => type === "ping");

  // Ten intervals are three timeouts.
  await viewer.until(() => pings(viewer).length >= 10, "fewer than ten pings");
  await python.until(() => pings(python).length >= 10, "fewer than ten pings");

  expect(new Set(pings(viewer).map(({ meta }) => meta.ping_id)).size, "each ping has its own id").toBeGreaterThan(9);
  const { connections, heartbeat } = await readStats(httpUrl);
  expect(connections.current).toBe(2);
  expect(heartbeat).toMatchObject({ pongs: 0, timeouts: 0 });
  expect(heartbeat.pings).toBeGreaterThanOrEqual(20);
});

test("a viewer whose process stands still is cut, and counted, within the interval and the timeout", async () => {
  const { wsUrl, httpUrl, logs } = await startBridge({ heartbeatInterval: 0.5, heartbeatTimeout: 1 });
  const [healthy, stopped] = await Promise.all([Viewer.open(wsUrl), PythonViewer.open(`${wsUrl}/stopped`)]);
  await stopped.until(() => stopped.messages.some(({ type }) => type === "ping"), "never pinged");

  stopped.process.kill("SIGSTOP");
  const stoppedAtMs = performance.now();
  await expect.poll(async () => (await readStats(httpUrl)).heartbeat.timeouts, { timeout: 10_000 }).toBe(1);
  // Twice what is promised, for a machine that is busy.
  expect(performance.now() - stoppedAtMs).toBeLessThan(2 * 1500);

  stopped.process.kill("SIGCONT");
  expect(await stopped.closed, "its kernel has kept the close frame for it").toBe(4408);
  expect(logs).toContainEqual(expect.objectContaining({ msg: "disconnected", clientId: "stopped", code: 4408 }));
  const { connections } = await readStats(httpUrl);
  expect(connections.current).toBe(1);
  expect(healthy.socket.readyState).toBe(healthy.socket.OPEN);
});

test("a viewer that does not read is closed as a slow consumer while the others get everything", async () => {
  const { bridge, wsUrl, httpUrl, logs } = await startBridge({ maxQueueSize: 20 });
  const [slow, ...others] = await Promise.all(["slow", "one", "two"].map((id) => Viewer.open(`${wsUrl}/${id}`)));
  const content = "x".repeat(64 * 1024);
  slow?.socket.pause();

  let sent = 0;
  while ((await readStats(httpUrl)).messages.dropped === 0) {
    bridge.notify({ type: "frame", content, meta: { number: sent } });
    sent += 1;
    // What the healthy have not read yet must not count against them.
    await Promise.all(others.map((viewer) => viewer.next(({ meta }) => meta.number === sent - 1)));
    expect(sent, "the kernel's buffers cannot be that large").toBeLessThan(2000);
  }
  slow?.socket.resume();

  expect(await slow?.closed).toMatchObject({ code: 4290 });
  expect(logs).toContainEqual(expect.objectContaining({ clientId: "slow", dropped: 21 }));
  const numbers = ({ messages }: Viewer) => messages.flatMap(({ type, meta }) => (type === "frame" ? meta.number : []));
  const all = Array.from({ length: sent }, (_, number) => number);
  for (const viewer of others) expect(numbers(viewer)).toEqual(all);
  // What it was sent before that came in order and whole.
  const seen = slow ? numbers(slow) : [];
  expect(seen).toEqual(all.slice(0, seen.length));
  expect(seen.length).toBe(sent - 21);
});
