import { expect, inject, test } from "vitest";
import { z } from "zod";
import { JobStore } from "../../src/client/index.ts";
import { openQueue } from "../bridge/support.ts";
import { uniquePrefix } from "../support/unique.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { startApplication } from "./support/application.ts";
import { connectClient } from "./support/client.ts";

test("a job's whole story reaches the client, each message once, and its view agrees", async () => {
  const prefix = uniquePrefix();
  const [{ url }] = await Promise.all([
    startApplication({ prefix, queues: ["videos"] }),
    startStockWorker({ queue: "videos", prefix, redisUrl: inject("redisUrl") }),
  ]);
  const { client, messages, until } = connectClient({ url });
  const store = new JobStore(client);
  await until(() => messages.some(({ type }) => type === "subscribed"), "subscribed");
  const queue = openQueue("videos", prefix);

  const job = await queue.add("encode", { progress: [25, 75], failFirst: 1, result: { url: "/v/1" } }, { attempts: 2 });

  const id = String(job.id);
  await until(() => store.get("videos", id)?.state === "completed", "the job completed");
  expect(store.get("videos", id)).toMatchObject({
    name: "encode",
    progress: 75,
    attempt: 2,
    result: { url: "/v/1" },
    failedReason: null,
    isStale: false,
  });
  const types = messages.filter(({ meta }) => meta.task_id === id && meta.cursor).map(({ type }) => type);
  expect(types).toEqual([
    "task_added",
    "task_waiting",
    "task_active",
    "task_progress",
    "task_progress",
    "task_retrying",
    "task_active",
    "task_progress",
    "task_progress",
    "task_success",
  ]);
  store.close();
});

test("it outlives a restart of the bridge and is told what happened meanwhile, or that it is not", async () => {
  const prefix = uniquePrefix();
  const options = { prefix, queues: ["videos"] };
  const former = await startApplication(options);
  const { client, messages, states, until } = connectClient({ url: former.url });
  const queue = openQueue("videos", prefix);
  await until(() => messages.some(({ type }) => type === "subscribed"), "subscribed");
  const before = await queue.add("encode", {});
  await until(() => messages.some(({ type, meta }) => type === "task_waiting" && meta.task_id === before.id), "told");

  await former.close();
  const missed = await queue.add("encode", {});
  await until(() => client.state === "waiting", "the loss was noticed");
  await startApplication(options, { port: former.port });
  await until(() => messages.filter(({ type }) => type === "subscribed").length === 2, "subscribed again");

  const isTold = messages.some(({ type, meta }) => type === "task_added" && meta.task_id === missed.id);
  const gaps = messages.filter(({ type }) => type === "gap").map(({ content }) => content);
  expect(isTold || gaps.some((gap) => (gap as { queue: string }).queue === "videos")).toBe(true);
  const after = await queue.add("encode", {});
  await until(() => messages.some(({ meta }) => meta.task_id === after.id), "told of what comes after");
  expect(messages.filter(({ type, meta }) => type === "task_added" && meta.task_id === before.id).length).toBe(1);
  expect(states.slice(0, 3)).toEqual(["connecting", "open", "waiting"]);
  expect(client.state).toBe("open");
});

test("it answers pings, so that the bridge knows its round trip", async () => {
  const { url, origin } = await startApplication({
    prefix: uniquePrefix(),
    heartbeatInterval: 0.2,
    heartbeatTimeout: 0.4,
  });
  const { messages, states, until } = connectClient({ url, clientId: "ann" });
  await until(() => messages.filter(({ type }) => type === "ping").length === 5, "five pings");
  const { clients } = (await (await fetch(`${origin}/ws/clients`)).json()) as { clients: object[] };
  expect(clients).toEqual([expect.objectContaining({ client_id: "ann", topics: ["*"], rtt_ms: expect.any(Number) })]);
  expect(states).toEqual(["connecting", "open"]);
});

test("topics come and go, and a job's carries that job only", async () => {
  const prefix = uniquePrefix();
  const { url, origin } = await startApplication({ prefix, queues: ["videos"] });
  const { client, messages, until } = connectClient({ url, topics: [], clientId: "ann" });
  await until(() => client.state === "open", "open");
  const queue = openQueue("videos", prefix);
  const watch = client.watchJob("videos", "wanted");
  await client.subscribe(["job:videos:other"]);
  await client.unsubscribe(["job:videos:other"]);
  await queue.add("encode", {}, { jobId: "other" });
  await queue.add("encode", {}, { jobId: "wanted", delay: 60_000 });
  await until(() => watch.job.state === "delayed", "the job is delayed");
  expect(messages.filter(({ type, meta }) => type.startsWith("task_") && meta.task_id === "other")).toEqual([]);
  const { clients } = (await (await fetch(`${origin}/ws/clients`)).json()) as { clients: object[] };
  expect(clients).toEqual([expect.objectContaining({ topics: ["job:videos:wanted"] })]);
});

test("the bridge's closing tells it whether to come back", async () => {
  const { url, origin, port, close } = await startApplication({ prefix: uniquePrefix() });
  const first = connectClient({ url, clientId: "ann" });
  await first.until(() => first.client.state === "open", "open");
  const second = connectClient({ url, clientId: "ann" });
  await first.until(() => first.client.state === "closed", "replaced");
  expect(first.errors.map(({ code, closeCode }) => [code, closeCode])).toEqual([["REFUSED", 4409]]);

  await second.until(() => second.client.state === "open", "open");
  await fetch(`${origin}/ws/clients/ann`, { method: "DELETE" });
  await second.until(() => second.client.state === "closed", "disconnected");
  expect(second.errors.map(({ closeCode }) => closeCode)).toEqual([4410]);

  const third = connectClient({ url });
  await third.until(() => third.client.state === "open", "open");
  await close();
  await third.until(() => third.client.state === "waiting", "waiting");
  await startApplication({ prefix: uniquePrefix() }, { port });
  await third.until(() => third.client.state === "open", "open again");
});

test("a token that the bridge does not accept ends it; with another it connects", async () => {
  const authenticate = (request: { url?: string | undefined }) =>
    /token=good/.test(request.url ?? "") ? { id: "ann" } : null;
  const { url } = await startApplication({ prefix: uniquePrefix(), authenticate });
  const tokens = ["bad", "good"];
  const { client, errors, until } = connectClient({ url, token: () => tokens.shift() ?? "" });
  await until(() => client.state === "closed", "refused");
  await until(() => errors.some(({ closeCode }) => closeCode === 4401), "told why");
  client.connect();
  await until(() => client.state === "open", "open");
});

test("the application's own messages go both ways", async () => {
  const { url, bridge } = await startApplication({ prefix: uniquePrefix() });
  bridge.onMessage("hello", z.object({ name: z.string() }), ({ name }, { clientId }) => {
    bridge.notify({ type: "welcome", content: name }, { clientId });
  });
  const { client, messages, errors, until } = connectClient({ url });
  await until(() => client.state === "open", "open");
  client.send("hello", { name: "Ann" });
  await until(() => messages.some(({ type, content }) => type === "welcome" && content === "Ann"), "answered");
  client.send("hello", { name: 1 });
  await until(() => errors.length > 0, "the refusal is told");
  expect(errors[0]).toMatchObject({ code: "SERVER_ERROR", serverCode: "bad_message" });
});
