import { expect, test } from "vitest";
import { connectClient, observeClient } from "./support/client.ts";
import { LedClock } from "./support/led-clock.ts";
import { ScriptedServer } from "./support/scripted-server.ts";
import { snapshotOf } from "./support/snapshot.ts";

const gapsOf = (messages: readonly { type: string; content: unknown }[]) =>
  messages.filter(({ type }) => type === "gap").map(({ content }) => (content as { queue: string | null }).queue);

test("a first connection watches nothing by its URL and subscribes everything in one request", async () => {
  const server = await ScriptedServer.start();
  const { client, states, until } = observeClient({ url: server.url, topics: ["queue:a", "job:b:1"], token: "t&t" });
  client.watchJob("b", "2");
  client.connect();
  const connection = await server.accept();
  expect(Object.fromEntries(connection.url.searchParams)).toEqual({ watch: "none", token: "t&t" });
  const request = await connection.subscribed();
  expect(request.content).toEqual({ topics: ["queue:a", "job:b:1", "job:b:2"] });
  expect(request.meta.request_id).toEqual(expect.any(String));
  await until(() => client.state === "open", "open");
  expect(states).toEqual(["connecting", "open"]);
});

test("the client id is part of the path, and a token function is asked before each attempt", async () => {
  const server = await ScriptedServer.start();
  let asked = 0;
  const token = async () => {
    asked += 1;
    return `token-${asked}`;
  };
  connectClient({ url: server.url, clientId: "ann", token });
  const first = await server.accept();
  expect(first.url.pathname).toBe("/ws/ann");
  first.socket.terminate();
  expect((await server.accept()).url.searchParams.get("token")).toBe("token-2");
});

test("after a loss it hands back the cursor received last of each queue, from messages, answers and pings", async () => {
  const server = await ScriptedServer.start();
  const { until, messages } = connectClient({ url: server.url });
  const first = await server.accept();
  await first.subscribed({ a: "A1", b: "B1", c: "C1" });
  first.send("task_active", null, { queue: "a", task_id: "1", cursor: "A2" });
  first.send("ping", "ping", { ping_id: "p", cursors: { b: "B2" } });
  first.send("task_active", null, { queue: "b", task_id: "1", cursor: "B1 again" });
  first.send("gap", { queue: "c", missed: 1 });
  expect((await first.take("pong")).meta.ping_id).toBe("p");
  await until(() => messages.some(({ type }) => type === "gap"), "the gap came");
  first.socket.terminate();

  const second = await server.accept();
  const { content } = await second.take("subscribe");
  expect(content).toEqual({ topics: ["*"], since: { a: "A2", b: "B1 again", c: "C1" } });
});

test("the cursors of a ping amid the past do not count", async () => {
  const server = await ScriptedServer.start();
  connectClient({ url: server.url });
  const first = await server.accept();
  await first.subscribed({ a: "A1" });
  first.socket.terminate();

  const second = await server.accept();
  await second.take("subscribe");
  second.send("task_active", null, { queue: "a", task_id: "1", cursor: "A2" });
  second.send("ping", "ping", { ping_id: "p", cursors: { a: "A9" } });
  await second.take("pong");
  second.socket.terminate();

  const third = await server.accept();
  expect((await third.subscribed({ a: "A3" }, true)).content.since).toEqual({ a: "A2" });
  third.send("ping", "ping", { ping_id: "p", cursors: { a: "A9" } });
  await third.take("pong");
  third.socket.terminate();
  expect((await (await server.accept()).take("subscribe")).content.since).toEqual({ a: "A9" });
});

test("a topic whose request was not answered is asked for apart, without cursors, so that it comes with a snapshot", async () => {
  const server = await ScriptedServer.start();
  const { client } = connectClient({ url: server.url });
  const first = await server.accept();
  await first.subscribed({ a: "A1" });
  const subscribed = client.subscribe(["job:a:7"]);
  await first.take("subscribe");
  first.socket.terminate();

  const second = await server.accept();
  expect((await second.subscribed({ a: "A2" }, true)).content).toEqual({ topics: ["*"], since: { a: "A1" } });
  expect((await second.subscribed({ a: "A3" })).content).toEqual({ topics: ["job:a:7"] });
  expect(await subscribed).toEqual({ recovered: false, cursors: { a: "A3" } });
  second.socket.terminate();

  expect((await (await server.accept()).take("subscribe")).content).toEqual({
    topics: ["*", "job:a:7"],
    since: { a: "A3" },
  });
});

test("a job whose snapshot after a gap has not come is not resumed with cursors from after the gap", async () => {
  const server = await ScriptedServer.start();
  connectClient({ url: server.url, topics: ["job:a:1", "job:a:2"] });
  const first = await server.accept();
  await first.subscribed({ a: "A1" });
  first.send("gap", { queue: "a", missed: null });
  first.send("snapshot", snapshotOf({}), { queue: "a", task_id: "1" });
  first.send("task_progress", 1, { queue: "a", task_id: "1", cursor: "A9" });
  first.send("ping", "ping", { ping_id: "p", cursors: {} });
  await first.take("pong");
  first.socket.terminate();

  const second = await server.accept();
  expect((await second.take("subscribe")).content).toEqual({ topics: ["job:a:1"], since: { a: "A9" } });
  expect((await second.take("subscribe")).content).toEqual({ topics: ["job:a:2"] });
});

test("a topic given up and wanted again counts from its last request", async () => {
  const server = await ScriptedServer.start();
  const { client } = connectClient({ url: server.url });
  const connection = await server.accept();
  await connection.subscribed({ a: "A1" });
  client.subscribe(["queue:b"]).catch(() => undefined);
  const early = await connection.take("subscribe");
  const unsubscribed = client.unsubscribe(["queue:b"]);
  const { content, meta } = await connection.take("unsubscribe");
  client.subscribe(["queue:b"]).catch(() => undefined);
  await connection.take("subscribe");
  connection.answer(early, { b: "B1" });
  connection.send("unsubscribed", content, meta);
  await unsubscribed;
  connection.socket.terminate();

  const second = await server.accept();
  expect((await second.take("subscribe")).content).toEqual({ topics: ["*"], since: { a: "A1", b: "B1" } });
  expect((await second.take("subscribe")).content).toEqual({ topics: ["queue:b"] });
});

test("topics asked for in one turn go in one request; while there is no connection they are remembered", async () => {
  const server = await ScriptedServer.start();
  const { client } = observeClient({ url: server.url, topics: [] });
  const before = client.subscribe(["queue:a"]);
  await client.unsubscribe(["queue:z"]);
  client.connect();
  const connection = await server.accept();
  await connection.subscribed({ a: "A1" });
  expect(await before).toEqual({ recovered: false, cursors: { a: "A1" } });
  const both = Promise.all([client.subscribe(["queue:b", "queue:c"]), client.subscribe(["queue:d"])]);
  expect((await connection.subscribed({ b: "B" })).content).toEqual({ topics: ["queue:b", "queue:c", "queue:d"] });
  expect(await both).toEqual([
    { recovered: false, cursors: { b: "B" } },
    { recovered: false, cursors: { b: "B" } },
  ]);
});

test("cursors the server does not take are given up, which is told as gaps", async () => {
  const server = await ScriptedServer.start();
  const { client, messages, until } = connectClient({ url: server.url, topics: ["queue:a", "queue:b"] });
  const first = await server.accept();
  await first.subscribed({ a: "A1", b: "B1" });
  first.socket.terminate();
  const second = await server.accept();
  const { meta } = await second.take("subscribe");
  second.send("error", { code: "bad_message", message: "since: expected a cursor" }, meta);
  expect((await second.subscribed({ a: "A2" })).content).toEqual({ topics: ["queue:a", "queue:b"] });
  await until(() => messages.filter(({ type }) => type === "subscribed").length === 2, "subscribed again");
  expect(gapsOf(messages)).toEqual(["a", "b"]);
  expect(client.state).toBe("open");
});

test("a past that is not given is told as a gap, even where the server sends none", async () => {
  const server = await ScriptedServer.start();
  const { messages, until } = connectClient({ url: server.url });
  const first = await server.accept();
  await first.subscribed({ a: "A1" });
  first.socket.terminate();
  await (await server.accept()).subscribed({ a: "A2" }, false);
  await until(() => gapsOf(messages).length > 0, "a gap was told");
  expect(gapsOf(messages)).toEqual([null]);
});

test("a loss before any cursor was known is told as a gap", async () => {
  const server = await ScriptedServer.start();
  const { messages, until } = connectClient({ url: server.url, topics: ["queue:a", "job:b:1"] });
  const first = await server.accept();
  await first.subscribed();
  first.socket.terminate();
  const second = await server.accept();
  expect((await second.subscribed()).content).toEqual({ topics: ["queue:a", "job:b:1"] });
  await until(() => messages.filter(({ type }) => type === "subscribed").length === 2, "subscribed again");
  expect(gapsOf(messages)).toEqual(["a"]);
});

test("the cursor of a queue that the server has no more makes a gap once", async () => {
  const server = await ScriptedServer.start();
  const { messages, until } = connectClient({ url: server.url });
  const first = await server.accept();
  await first.subscribed({ a: "A1", gone: "G1" });
  first.socket.terminate();
  const second = await server.accept();
  second.send("gap", { queue: null, missed: null });
  await second.subscribed({ a: "A2" }, false);
  await until(() => messages.filter(({ type }) => type === "subscribed").length === 2, "subscribed again");
  second.socket.terminate();
  expect((await (await server.accept()).take("subscribe")).content.since).toEqual({ a: "A2" });
  expect(gapsOf(messages)).toEqual([null]);
});

test("a refused topic rejects its promise, is told as an error, and is not asked for again", async () => {
  const server = await ScriptedServer.start();
  const { client, errors } = connectClient({ url: server.url });
  const first = await server.accept();
  await first.subscribed({ a: "A1" });
  const refused = client.subscribe(["queue:secret"]);
  const { meta } = await first.take("subscribe");
  first.send("error", { code: "forbidden", message: "not for you" }, meta);
  await expect(refused).rejects.toMatchObject({ code: "SERVER_ERROR", serverCode: "forbidden" });
  expect(errors.map(({ code, reason }) => [code, reason])).toEqual([["SERVER_ERROR", "not for you"]]);
  first.socket.terminate();
  const second = await server.accept();
  expect((await second.subscribed({}, true)).content.topics).toEqual(["*"]);
});

test("whoever is no administrator any more loses the topics for administrators, and no others", async () => {
  const server = await ScriptedServer.start();
  const { client, errors, messages, until } = connectClient({ url: server.url, topics: ["queue:a"] });
  const first = await server.accept();
  await first.subscribed({ a: "A1" });
  const admin = client.subscribe(["stats"]);
  expect((await first.subscribed()).content.topics).toEqual(["stats"]);
  await admin;
  first.socket.terminate();

  const second = await server.accept();
  const resume = await second.take("subscribe");
  expect(resume.content).toEqual({ topics: ["queue:a", "stats"], since: { a: "A1" } });
  second.send("error", { code: "forbidden", message: "for administrators" }, resume.meta);
  const apart = await second.take("subscribe");
  expect(apart.content).toEqual({ topics: ["stats"] });
  second.send("error", { code: "forbidden", message: "for administrators" }, apart.meta);
  expect((await second.subscribed({ a: "A2" })).content.topics).toEqual(["queue:a"]);
  await until(() => messages.filter(({ type }) => type === "subscribed").length === 3, "subscribed again");
  expect(errors.map(({ serverCode }) => serverCode)).toEqual(["forbidden"]);
});

test("a repeated message is told once, and its cursor counts all the same", async () => {
  const server = await ScriptedServer.start();
  const { messages } = connectClient({ url: server.url });
  const connection = await server.accept();
  await connection.subscribed();
  for (const cursor of ["A1", "A2", "A1"]) connection.send("task_progress", 1, { queue: "a", task_id: "1", cursor });
  connection.send("ping", "ping", { ping_id: "p" });
  await connection.take("pong");
  expect(messages.filter(({ type }) => type === "task_progress").length).toBe(2);
});

test("thirty losses in a row, at any place, lose and double nothing", async () => {
  // What a server does, in small: a history of numbered messages, replayed from the cursor handed back.
  const server = await ScriptedServer.start();
  const clock = new LedClock();
  const options = { url: server.url, topics: ["queue:a"], clock, random: () => 0 };
  const { messages, client, until: observed } = observeClient(options);
  client.connect();
  const total = 300;
  let sent = 0;
  for (let round = 0; round <= 30; round += 1) {
    const connection = await server.accept();
    const request = await connection.take("subscribe");
    const from = Number(request.content.since?.a ?? 0);
    const until = round === 30 ? total : Math.min(total, sent + 7 + round);
    for (let cursor = from + 1; cursor <= until; cursor += 1) {
      if (cursor === sent + 1) connection.answer(request, { a: `${cursor - 1}` }, true);
      connection.send("task_progress", cursor, { queue: "a", task_id: "1", cursor: `${cursor}` });
    }
    sent = until;
    // Lost in the middle of what is under way, on every other connection only after the client has it.
    if (round % 2 === 0) {
      connection.send("ping", "ping", { ping_id: "p" });
      await connection.take("pong");
    }
    if (round === 30) break;
    connection.socket.terminate();
    await observed(() => client.state === "waiting", "waiting");
    clock.advance(0);
  }
  const told = messages.filter(({ type }) => type === "task_progress").map(({ content }) => content);
  expect(told).toEqual(Array.from({ length: total }, (_, index) => index + 1));
});
