import { expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import { BullcastClient } from "../../src/client/index.ts";
import { connectClient, observeClient } from "./support/client.ts";
import { LedClock } from "./support/led-clock.ts";
import { ScriptedServer } from "./support/scripted-server.ts";

test.each([1009, 4400, 4401, 4403, 4409, 4410, 4413])(
  "close code %i ends it, with an error that says so",
  async (code) => {
    const server = await ScriptedServer.start();
    const { client, errors, states, until } = connectClient({ url: server.url });
    const connection = await server.accept();
    await connection.subscribed();
    const pending = client.subscribe(["queue:a"]);
    await connection.take("subscribe");
    const rejected = expect(pending).rejects.toMatchObject({ code: "REFUSED" });
    connection.socket.close(code, "because");
    await until(() => errors.length > 0, "an error was told");
    expect(errors.map(({ code: kind, closeCode, reason }) => [kind, closeCode, reason])).toEqual([
      ["REFUSED", code, "because"],
    ]);
    expect(states).toEqual(["connecting", "open", "closed"]);
    await rejected;
  },
);

test.each([1000, 1001, 1011, 1012, 4290, 4408, 4429, 4999])("after close code %i it comes back", async (code) => {
  const server = await ScriptedServer.start();
  const { client, errors, states, until } = connectClient({ url: server.url });
  const first = await server.accept();
  await first.subscribed({ a: "A1" });
  first.socket.close(code);
  const second = await server.accept();
  expect((await second.subscribed({ a: "A1" }, true)).content.since).toEqual({ a: "A1" });
  await until(() => client.state === "open", "open again");
  expect(states).toEqual(["connecting", "open", "waiting", "connecting", "open"]);
  expect(errors).toEqual([]);
});

test("after a final close it can be connected again and resumes", async () => {
  const server = await ScriptedServer.start();
  const { client, until } = connectClient({ url: server.url });
  const first = await server.accept();
  await first.subscribed({ a: "A1" });
  first.socket.close(4401, "expired");
  await until(() => client.state === "closed", "closed");
  client.connect();
  expect((await (await server.accept()).take("subscribe")).content.since).toEqual({ a: "A1" });
});

test("the delay starts over once a subscription has succeeded, not when a connection opens", async () => {
  const server = await ScriptedServer.start();
  const clock = new LedClock();
  const reconnect = { minDelayMs: 100, maxDelayMs: 1000 };
  const { client, until } = connectClient({ url: server.url, clock, random: () => 1, reconnect });
  const lose = async (isGood: boolean) => {
    const connection = await server.accept();
    if (isGood) {
      await connection.subscribed();
      connection.send("ping", "ping", { ping_id: "p" });
      await connection.take("pong");
    } else {
      await connection.take("subscribe");
    }
    connection.socket.terminate();
    await until(() => client.state === "waiting", "waiting");
    const delayMs = clock.delays.at(-1);
    clock.advance(delayMs ?? 0);
    return delayMs;
  };
  expect([await lose(false), await lose(false), await lose(true), await lose(false)]).toEqual([100, 200, 100, 200]);
});

test("silence for the heartbeat's interval and timeout is a loss", async () => {
  const server = await ScriptedServer.start({ heartbeat: 30 });
  const clock = new LedClock();
  const { client, states, until } = connectClient({ url: server.url, clock, random: () => 0.5 });
  const connection = await server.accept();
  await connection.subscribed();
  connection.send("ping", "ping", { ping_id: "1" });
  await connection.take("pong");
  clock.advance(89_999);
  connection.send("ping", "ping", { ping_id: "2" });
  await connection.take("pong");
  clock.advance(89_999);
  expect(client.state).toBe("open");
  clock.advance(1);
  expect(client.state).toBe("waiting");
  await connection.closed();
  expect(connection.closeCode).toBe(1000);
  clock.advance(clock.delays.at(-1) ?? 0);
  await server.accept();
  await until(() => client.state === "open", "open again");
  expect(states).toEqual(["connecting", "open", "waiting", "connecting", "open"]);
});

test("a server without a heartbeat may be silent for ever", async () => {
  const server = await ScriptedServer.start();
  const clock = new LedClock();
  const { client } = connectClient({ url: server.url, clock });
  const connection = await server.accept();
  await connection.subscribed();
  connection.send("ping", "ping", { ping_id: "1" });
  await connection.take("pong");
  clock.advance(86_400_000);
  expect(client.state).toBe("open");
});

test("an attempt that gets no answer, be it for its token, is given up", async () => {
  const clock = new LedClock();
  const { client, errors } = connectClient({
    url: "ws://127.0.0.1:1/ws",
    clock,
    token: () => new Promise(() => undefined),
  });
  clock.advance(15_000);
  expect(client.state).toBe("waiting");
  expect(errors.map(({ code }) => code)).toEqual(["CONNECT_FAILED"]);
});

test("a token that cannot be had is an error, and asked for again", async () => {
  const server = await ScriptedServer.start();
  const answers = [() => Promise.reject(new Error("no session")), () => Promise.resolve("fresh")];
  const token = () => answers.shift()?.() ?? "later";
  const { errors } = connectClient({ url: server.url, token });
  expect((await server.accept()).url.searchParams.get("token")).toBe("fresh");
  expect(errors.map(({ code, message }) => [code, message])).toEqual([["CONNECT_FAILED", "no session"]]);
});

test("close() ends everything: the socket, the attempts, and what is waited for", async () => {
  const server = await ScriptedServer.start();
  const { client, states } = connectClient({ url: server.url });
  const connection = await server.accept();
  await connection.subscribed();
  const pending = client.subscribe(["queue:a"]);
  // Nobody waits for this one; its rejection would fail the run as unhandled.
  client.subscribe(["queue:b"]);
  await connection.take("subscribe");
  client.close();
  client.close();
  await expect(pending).rejects.toMatchObject({ code: "CLOSED" });
  await connection.closed();
  expect(connection.closeCode).toBe(1000);
  expect(states).toEqual(["connecting", "open", "closed"]);
  expect(server.connections.length).toBe(1);
});

test("close() while connecting leaves no connection behind", async () => {
  const server = await ScriptedServer.start();
  let giveToken: (token: string) => void = () => undefined;
  const { client, states, errors } = connectClient({
    url: server.url,
    token: () => new Promise((resolve) => (giveToken = resolve)),
  });
  client.close();
  giveToken("late");
  await new Promise((resolve) => setImmediate(resolve));
  // Another client, which comes after it, shows that the first would have got through.
  connectClient({ url: server.url, clientId: "other" });
  expect((await server.accept()).url.pathname).toBe("/ws/other");
  expect(states).toEqual(["connecting", "closed"]);
  expect(errors).toEqual([]);
});

test("messages of the application go both ways; without a connection sending throws", async () => {
  const server = await ScriptedServer.start();
  const { client, messages, until } = observeClient({ url: server.url, topics: [] });
  expect(() => client.send("hello")).toThrow(expect.objectContaining({ code: "NOT_OPEN" }));
  client.connect();
  const connection = await server.accept();
  await until(() => client.state === "open", "open");
  client.send("hello", { to: "you" }, { request_id: 7 });
  expect(await connection.take("hello")).toEqual({ type: "hello", content: { to: "you" }, meta: { request_id: 7 } });
  const heard: unknown[] = [];
  const stop = client.on("news", ({ content }) => heard.push(content));
  // Types that are also names of the client's own events.
  connection.send("state", "custom");
  connection.send("news", 1);
  connection.send("fence");
  await until(() => messages.some(({ type }) => type === "fence"), "the news came");
  stop();
  connection.send("news", 2);
  await until(() => messages.some(({ content }) => content === 2), "the second came");
  expect(heard).toEqual([1]);
  expect(() => client.send("subscribe", {})).toThrow(expect.objectContaining({ code: "INVALID_MESSAGE" }));
  expect(() => client.send("big", "é".repeat(33_000))).toThrow(expect.objectContaining({ code: "INVALID_MESSAGE" }));
});

test("what the server sends that is no message is an error and does no harm", async () => {
  const server = await ScriptedServer.start();
  const { errors, until, client } = connectClient({ url: server.url });
  const connection = await server.accept();
  await connection.subscribed();
  for (const text of ["nonsense", "null", "[]", '{"type":1,"meta":{}}', '{"type":"x"}']) connection.socket.send(text);
  connection.socket.send(Buffer.from([1, 2]));
  connection.send("error", { code: "handler_failed", message: "sorry" });
  await until(() => errors.length === 7, "seven errors");
  expect(errors.map(({ code }) => code)).toEqual([...Array(6).fill("UNREADABLE"), "SERVER_ERROR"]);
  expect(client.state).toBe("open");
});

test("a listener that throws is reported as uncaught, and the others hear all the same", async () => {
  const server = await ScriptedServer.start();
  const { client, messages, until } = observeClient({ url: server.url, topics: [] });
  const complaint = new Error("a fault of the page");
  const uncaught: unknown[] = [];
  const others = process.listeners("uncaughtException");
  const keep = (error: unknown) => void uncaught.push(error);
  for (const other of others) process.off("uncaughtException", other);
  process.on("uncaughtException", keep);
  onTestFinished(() => {
    process.off("uncaughtException", keep);
    for (const other of others) process.on("uncaughtException", other);
  });
  client.on("news", () => {
    throw complaint;
  });
  client.connect();
  const connection = await server.accept();
  connection.send("news", 1);
  connection.send("news", 2);
  connection.send("fence");
  await until(() => messages.some(({ type }) => type === "fence"), "all came");
  expect(uncaught).toEqual([complaint, complaint]);
  expect(messages.filter(({ type }) => type === "news").length).toBe(2);
});

test("an error that nobody listens to is written to the console", async () => {
  const server = await ScriptedServer.start();
  const written = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const client = new BullcastClient({ url: server.url, WebSocket });
  client.connect();
  (await server.accept()).socket.close(4401, "who are you");
  await vi.waitFor(() => expect(written).toHaveBeenCalledWith(expect.objectContaining({ closeCode: 4401 })));
  written.mockRestore();
});

test("an outage that nobody listens to is one line on the console, and the next one is another", async () => {
  const server = await ScriptedServer.start();
  const written = vi.spyOn(console, "error").mockImplementation(() => undefined);
  onTestFinished(() => written.mockRestore());
  let failures = 0;
  const token = () => {
    if (failures === 0) return "secret";
    failures -= 1;
    throw new Error("no session");
  };
  const reconnect = { minDelayMs: 1, maxDelayMs: 2 };
  const client = new BullcastClient({ url: server.url, WebSocket, token, reconnect });
  onTestFinished(() => client.close());
  failures = 5;
  client.connect();
  const first = await server.accept();
  await first.subscribed();
  const line = `bullcast: no connection to ${server.url}, trying again until there is one: no session`;
  expect(written.mock.calls).toEqual([[line]]);

  failures = 5;
  first.socket.terminate();
  const second = await server.accept();
  await second.subscribed();
  expect(written.mock.calls).toEqual([[line], [line]]);
});

test("options that cannot be used are refused with what was expected", async () => {
  const url = "ws://127.0.0.1:1/ws";
  const refusal = (options: object) => {
    try {
      return void new BullcastClient({ url, WebSocket, ...options });
    } catch (error) {
      return (error as { code?: string }).code;
    }
  };
  expect(refusal({})).toBeUndefined();
  expect(refusal({ WebSocket: undefined })).toBe("NO_WEB_SOCKET");
  expect(refusal({ url: "/ws" })).toBe("INVALID_OPTIONS");
  expect(refusal({ url: "ftp://host/ws" })).toBe("INVALID_OPTIONS");
  expect(refusal({ clientId: "a/b" })).toBe("INVALID_OPTIONS");
  expect(refusal({ reconnect: { minDelayMs: 20_000 } })).toBe("INVALID_OPTIONS");
  expect(refusal({ topics: ["jobs"] })).toBe("INVALID_TOPIC");
  expect(refusal({ topics: Array.from({ length: 1001 }, (_, index) => `queue:${index}`) })).toBe("TOO_MANY_TOPICS");
  const { client } = observeClient({ url });
  await expect(client.subscribe(["queue:a", "queue:a:b"])).rejects.toMatchObject({ code: "INVALID_TOPIC" });
  for (const [queue, id] of [
    ["a:b", "1"],
    ["a", ""],
    ["", "1"],
    ["a", "x".repeat(600)],
  ] as const) {
    expect(() => client.watchJob(queue, id)).toThrow(expect.objectContaining({ code: "INVALID_TOPIC" }));
  }
});
