import { createServer } from "node:http";
import { Queue } from "bullmq";
import { expect, inject, onTestFinished, test } from "vitest";
import type { ReceivedMessage } from "../support/viewer.ts";
import { Viewer } from "../support/viewer.ts";
import { call, exchange, expectProblem, latch, listen, makeBridge, mountBridge, upgradeText } from "./support.ts";

/** How a long text is named in the title of a test. */
const short = (text: string) => (text.length > 60 ? `${text.slice(0, 20)}... (${text.length} characters)` : text);
const titled = (texts: string[]) => texts.map((text) => [short(text), text] as const);

test.each(titled(["alice", "A-z.0_9~", "0", "...", "..a", "a".repeat(128)]))(
  "the client id %s in the path is used",
  async (_, id) => {
    const { port } = await mountBridge();
    // Written by hand, as URL parsers take dots for folders.
    const answer = upgradedMessages(port, `/ws/${id}?watch=none`);
    expect(await answer).toContain(`"client_id":"${id}"`);
  },
);

test.each(["/ws", "/ws/", "/ws?watch=none", "/ws/?watch=none"])(
  "with %s the server chooses a client id",
  async (path) => {
    const { port } = await mountBridge();
    const viewers = [new Viewer(`ws://127.0.0.1:${port}${path}`), new Viewer(`ws://127.0.0.1:${port}${path}`)];
    const ids = await Promise.all(viewers.map(async (viewer) => (await viewer.next("connected")).content.client_id));
    expect(ids).toEqual([
      expect.stringMatching(/^[A-Za-z0-9._~-]{8,128}$/),
      expect.stringMatching(/^[A-Za-z0-9._~-]{8,128}$/),
    ]);
    expect(new Set(ids).size).toBe(2);
  },
);

/** Connects where the URL is wrong; checks that it is said in full and then closed with 4400. */
async function expectBadUrl(url: string): Promise<string> {
  const viewer = new Viewer(url);
  const { code, reason } = await viewer.closed;
  expect(code).toBe(4400);
  expect(reason).not.toBe("");
  const error = viewer.messages.find(({ type }) => type === "error") as ReceivedMessage;
  expect(error.content).toEqual({ code: "bad_message", message: expect.stringMatching(/\w/) });
  return error.content.message;
}

test.each(
  titled(["a%20b", "%61lice", "a/b", "a:b", "a+b", "@", "%zz", "%E4%BD%A0", "a".repeat(129), "a".repeat(5000)]),
)("the client id %s in the path is refused with 4400", async (_, id) => {
  const { wsUrl, httpUrl } = await mountBridge();
  const message = await expectBadUrl(`${wsUrl}/${id}`);
  expect(message).toMatch(/client id: expected 1 to 128 .* given "/);
  expect((await call(`${httpUrl}/clients`)).body).toMatchObject({ total: 0 });
});

test.each<[query: string, topics: string[]]>([
  ["", ["*"]],
  ["?", ["*"]],
  ["?other=1", ["*"]],
  ["?watch=none", []],
  ["?queue=emails", ["queue:emails"]],
  ["?queue=emails&queue=images", ["queue:emails", "queue:images"]],
  ["?queue=not%20attached%2Fyet", ["queue:not attached/yet"]],
  ["?job=emails:1", ["job:emails:1"]],
  ["?job=emails:repeat:abc:1700000000000", ["job:emails:repeat:abc:1700000000000"]],
  ["?job=emails:1&job=emails:2&queue=images", ["queue:images", "job:emails:1", "job:emails:2"]],
  ["?queue=emails&watch=none", ["queue:emails"]],
])("the query %s watches %j", async (query, topics) => {
  const { wsUrl } = await mountBridge({ queues: ["emails", "images"] });
  const viewer = await Viewer.open(`${wsUrl}/alice${query}`);
  const sorted = [...topics].sort();
  const { content } = await viewer.next("connected");
  expect(content).toMatchObject({ client_id: "alice", protocol: 1 });
  expect(content.topics.sort()).toEqual(sorted);
  if (topics.length > 0) expect((await viewer.next("subscribed")).content.topics.sort()).toEqual(sorted);
  else expect(viewer.messages.map(({ type }) => type)).toEqual(["connected"]);
});

const WRONG_QUERIES: [query: string, text: RegExp][] = [
  ["?queue=", /queue: expected <name>, given ""/],
  ["?queue=a:b", /queue: expected <name>, given "a:b"/],
  ["?job=", /job: expected <queue>:<id>, given ""/],
  ["?job=emails", /job: expected <queue>:<id>, given "emails"/],
  ["?job=emails:", /job: expected <queue>:<id>, given "emails:"/],
  ["?job=:1", /job: expected <queue>:<id>, given ":1"/],
  ["?watch=", /watch: expected none, given ""/],
  ["?watch=all", /watch: expected none, given "all"/],
  ["?queue=a&queue=b:c&watch=x", /watch: .*; queue: .*"b:c"/],
  [
    `?queue=${"q".repeat(600)}`,
    /queue: expected <name>, at most 512 characters as the topic queue:<name>, given "q+\.\.\./,
  ],
  [`?${Array.from({ length: 1001 }, (_, n) => `queue=${n}`).join("&")}`, /at most 1000/],
  ["?since=", /since/],
  ["?since=nonsense", /since/],
  ["?since=%F0%9F%92%A9", /since/],
  ["?queue=emails&since=nonsense", /since/],
];

test.each(WRONG_QUERIES.map(([query, text]) => [short(query), query, text] as const))(
  "the query %s is refused with 4400, and the text says why",
  async (_, query, text) => {
    const { wsUrl } = await mountBridge({ queues: ["emails"] });
    expect(await expectBadUrl(wsUrl + query)).toMatch(text);
  },
);

test("a cursor of a queue that is not attached is a gap, of a queue without a name", async () => {
  const { wsUrl } = await mountBridge({ queues: ["emails"] });
  const cursor = Buffer.from("1:000000000000:1-0:1-0").toString("base64url");
  const viewer = await Viewer.open(`${wsUrl}?since=${cursor}`);
  expect(viewer.messages).toMatchObject([
    { type: "connected" },
    { type: "gap", content: { queue: null, missed: null } },
    { type: "subscribed", content: { topics: ["*"], recovered: false } },
  ]);
});

test("a close reason fits into a close frame, whatever was given, and stays text", async () => {
  const { wsUrl } = await mountBridge();
  const viewer = new Viewer(`${wsUrl}?watch=${encodeURIComponent("ü€😀".repeat(40))}`);
  const { code, reason } = await viewer.closed;
  expect(code).toBe(4400);
  expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
  expect(reason).toMatch(/^watch: expected none/);
  expect(reason).not.toContain("\ufffd");
});

test("a viewer of a job whose id holds colons gets its messages, and no other's", async () => {
  const { wsUrl, prefix } = await mountBridge({ queues: ["emails"] });
  const viewer = await Viewer.open(`${wsUrl}?job=emails:order:7:mail`);
  const queue = new Queue("emails", { prefix, connection: { url: inject("redisUrl") } });
  onTestFinished(() => queue.close());
  await queue.add("other", {}, { jobId: "order-7" });
  const job = await queue.add("mine", {}, { jobId: "order:7:mail" });
  await job.updateProgress(50);
  await viewer.next("task_progress");
  expect(new Set(viewer.messages.flatMap(({ meta }) => meta.task_id ?? []))).toEqual(new Set(["order:7:mail"]));
});

test("`content`, `meta` and `timestamp` may be left out of a client message", async () => {
  const { wsUrl } = await mountBridge();
  const viewer = await Viewer.open(wsUrl);
  viewer.send({ type: "ping" });
  await viewer.next(({ type }) => type === "pong" || type === "error");
  expect(viewer.messages.at(-1)?.type).toBe("pong");
});

test("a binary frame is answered with an error, and the connection stays", async () => {
  const { wsUrl } = await mountBridge();
  const viewer = await Viewer.open(wsUrl);
  viewer.send(Buffer.from('{"type":"ping","content":null}'));
  const { content } = await viewer.next("error");
  expect(content).toEqual({ code: "bad_message", message: "expected a text frame, given a binary one" });
  viewer.send({ type: "ping", content: null });
  await viewer.next("pong");
});

test.each([
  ["text", (bytes: number) => JSON.stringify("x".repeat(bytes))],
  ["binary", (bytes: number) => Buffer.alloc(bytes)],
])("a %s frame of 70 KB is closed with 4413, which says the limit", async (_, make) => {
  const { wsUrl } = await mountBridge();
  const viewer = await Viewer.open(wsUrl);
  viewer.send(make(70_000));
  const { code, reason } = await viewer.closed;
  expect(code).toBe(4413);
  expect(reason).toContain("65536");
});

test("a message of exactly 64 KiB is taken", async () => {
  const { wsUrl } = await mountBridge();
  const viewer = await Viewer.open(wsUrl);
  const rest = JSON.stringify({ type: "ping", content: "" }).length;
  viewer.send({ type: "ping", content: "x".repeat(64 * 1024 - rest) });
  await viewer.next("pong");
});

test("a frame of 2 MB is closed with 1009, and nobody else notices", async () => {
  const { wsUrl } = await mountBridge();
  const [viewer, other] = [await Viewer.open(wsUrl), await Viewer.open(wsUrl)];
  viewer.send("x".repeat(2_000_000));
  expect((await viewer.closed).code).toBe(1009);
  other.send({ type: "ping", content: null });
  await other.next("pong");
});

test.each([
  ["a frame without a mask", Buffer.from([0x81, 0x02, 0x7b, 0x7d])],
  ["an unknown opcode", Buffer.from([0x83, 0x80, 0, 0, 0, 0])],
  ["text that is not UTF-8", Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0xff])],
  ["a reserved bit", Buffer.from([0xc1, 0x80, 0, 0, 0, 0])],
])("%s closes the connection and harms nobody", async (_, frame) => {
  const { httpUrl, port } = await mountBridge();
  const received = await exchange(port, Buffer.concat([Buffer.from(upgradeText("/ws")), frame]));
  expect(received).toMatch(/^HTTP\/1\.1 101 /);
  await expect.poll(async () => (await call(`${httpUrl}/clients`)).body).toEqual({ total: 0, clients: [] });
});

test.each(["", "/", "?queue=emails"])("a plain GET of %j is answered with 426", async (path) => {
  const { httpUrl } = await mountBridge();
  const answer = await call(httpUrl + path);
  const { detail } = expectProblem(answer, 426);
  expect(answer.headers.upgrade).toBe("websocket");
  expect(detail).toContain("WebSocket");
});

test.each([
  ["without a key", upgradeText("/ws").replace(/Sec-WebSocket-Key.*\r\n/, ""), 400],
  ["of another version", upgradeText("/ws").replace("Version: 13", "Version: 12"), 400],
  ["to another protocol", upgradeText("/ws").replace("Upgrade: websocket", "Upgrade: h3"), 404],
  ["by POST", upgradeText("/ws").replace("GET", "POST"), 405],
])("an upgrade %s is answered with an HTTP error", async (_, text, status) => {
  const { port, logs } = await mountBridge();
  expect(await exchange(port, text)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(logs.filter(({ level }) => level >= 50)).toEqual([]);
});

test("a closing bridge closes its viewers with 1001 and answers new upgrades with 503", async () => {
  const { bridge, wsUrl } = await mountBridge();
  const viewer = await Viewer.open(wsUrl);
  // This one does not answer the closing handshake, so that the end takes its time.
  const deaf = await Viewer.open(wsUrl);
  deaf.socket.pause();

  const closing = bridge.close();
  const { status, problem } = await Viewer.refusal(wsUrl);

  expect(status).toBe(503);
  expect(problem.detail).toContain("shutting down");
  expect((await viewer.closed).code).toBe(1001);
  deaf.socket.resume();
  await closing;
});

test("after its end a bridge answers upgrades handed to it with 503", async () => {
  const { bridge } = makeBridge();
  const server = createServer(bridge.router);
  server.on("upgrade", (request, socket, head) => bridge.handleUpgrade(request, socket, head));
  const port = await listen(server);
  await bridge.start();
  const viewer = await Viewer.open(`ws://127.0.0.1:${port}/ws`);
  await bridge.close();
  expect((await viewer.closed).code).toBe(1001);
  expect((await Viewer.refusal(`ws://127.0.0.1:${port}/ws`)).status).toBe(503);
});

test("a viewer whose `authenticate` ends after the bridge is answered with 503", async () => {
  const thinking = latch();
  const thought = latch();
  const { bridge, wsUrl } = await mountBridge({
    authenticate: async () => {
      thinking.open();
      await thought.promise;
      return { id: "ann" };
    },
  });
  const refusal = Viewer.refusal(wsUrl);
  await thinking.promise;
  await bridge.close();
  thought.open();
  expect((await refusal).status).toBe(503);
});

/** Upgrades by hand and answers what the server then sends, up to the first message. */
async function upgradedMessages(port: number, path: string): Promise<string> {
  // An empty close frame, masked: the server sends what it has to and ends.
  const close = Buffer.from([0x88, 0x80, 0, 0, 0, 0]);
  return exchange(port, Buffer.concat([Buffer.from(upgradeText(path)), close]));
}
