import type { Server } from "node:http";
import { createServer } from "node:http";
import { connect } from "node:net";
import { Queue } from "bullmq";
import express from "express";
import { Server as SocketIo } from "socket.io";
import { expect, inject, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import type { Bridge } from "../../src/bridge.ts";
import type { BridgeOptions } from "../../src/config.ts";
import { clientsSchema } from "../../src/http/schemas.ts";
import { startNginx } from "../support/nginx.ts";
import { Viewer } from "../support/viewer.ts";
import {
  call,
  exchange,
  expectProblem,
  express4,
  latch,
  listen,
  makeBridge,
  mount,
  mountBridge,
  upgradeText,
} from "./support.ts";

/** Checks REST and sockets of a mounted bridge, to the point where a job is shown. */
async function expectWorks(
  { httpUrl, wsUrl, prefix }: { httpUrl: string; wsUrl: string; prefix: string },
  headers: Record<string, string> = {},
): Promise<void> {
  const viewer = await Viewer.open(`${wsUrl}?queue=emails`, { headers });
  expect(await call(`${httpUrl}/clients`, { headers })).toMatchObject({ status: 200, body: { total: 1 } });
  const json = { type: "news", content: { n: 1 } };
  const sent = await call(`${httpUrl}/send-message`, { method: "POST", json, headers });
  expect(sent).toMatchObject({ status: 200, body: { reached: 1 } });
  expect(await viewer.next("news")).toMatchObject({ content: { n: 1 } });
  const queue = new Queue("emails", { prefix, connection: { url: inject("redisUrl") } });
  onTestFinished(() => queue.close());
  const { id } = await queue.add("welcome", {});
  expect((await viewer.next("task_added")).meta).toMatchObject({ queue: "emails", task_id: id });
  viewer.socket.close();
  await viewer.closed;
}

/** The first frame a WebSocket server sends, as text, after the client has said its own if it has any. */
async function firstFrame(url: string, say?: string): Promise<string> {
  const socket = new WebSocket(url);
  onTestFinished(() => socket.terminate());
  const frame = latch<string>();
  socket.on("error", (error) => frame.open(`error: ${error.message}`));
  socket.on("close", (code) => frame.open(`closed: ${code}`));
  socket.on("message", (data) => frame.open(String(data)));
  if (say !== undefined) socket.on("open", () => socket.send(say));
  return frame.promise;
}

/** What else an application has on its server. */
const ATTACHMENTS: Record<string, (server: Server, bridge: Bridge) => void> = {
  bridge: (server, bridge) => bridge.attach(server),
  "socket.io": (server) => {
    const io = new SocketIo(server, { serveClient: false });
    onTestFinished(() => void io.engine.close());
  },
  "an upgrade handler": (server) => {
    const echo = new WebSocketServer({ noServer: true });
    echo.on("connection", (socket) => socket.on("message", (data) => socket.send(`echo ${data}`)));
    server.on("upgrade", (request, socket, head) => {
      if (request.url !== "/app-socket") return;
      echo.handleUpgrade(request, socket, head, (webSocket) => echo.emit("connection", webSocket));
    });
  },
};

test.each([
  ["bridge", "socket.io", "an upgrade handler"],
  ["bridge", "an upgrade handler", "socket.io"],
  ["socket.io", "bridge", "an upgrade handler"],
  ["an upgrade handler", "bridge", "socket.io"],
  ["socket.io", "an upgrade handler", "bridge"],
  ["an upgrade handler", "socket.io", "bridge"],
])("one server carries all three, attached in the order %s, %s, %s", async (...order) => {
  const { bridge, prefix } = makeBridge({ queues: ["emails"] });
  const application = express();
  application.use(bridge.router);
  application.get("/page", (_request, response) => void response.send("a page"));
  const server = createServer(application);
  for (const name of order) ATTACHMENTS[name]?.(server, bridge);
  const port = await listen(server);
  await bridge.start();
  const [http, ws] = [`http://127.0.0.1:${port}`, `ws://127.0.0.1:${port}`];

  await expectWorks({ httpUrl: `${http}/ws`, wsUrl: `${ws}/ws`, prefix });
  expect(await firstFrame(`${ws}/socket.io/?EIO=4&transport=websocket`)).toMatch(/^0\{"sid":"/);
  expect((await call(`${http}/socket.io/?EIO=4&transport=polling`)).text).toMatch(/^0\{"sid":"/);
  expect(await firstFrame(`${ws}/app-socket`, "hello")).toBe("echo hello");
  expect((await call(`${http}/page`)).text).toBe("a page");

  await bridge.close();
  expect(await firstFrame(`${ws}/socket.io/?EIO=4&transport=websocket`)).toMatch(/^0\{"sid":"/);
  expect(await firstFrame(`${ws}/app-socket`, "hello")).toBe("echo hello");
});

test("two bridges, each with a path of its own, share a server", async () => {
  const bridges = ["/emails/ws", "/images/ws"].map((basePath) => ({
    basePath,
    ...makeBridge({ queues: ["emails"], basePath }),
  }));
  const application = express();
  const server = createServer(application);
  for (const { bridge } of bridges) {
    application.use(bridge.router);
    bridge.attach(server);
  }
  const port = await listen(server);
  await Promise.all(bridges.map(({ bridge }) => bridge.start()));

  for (const { basePath, prefix } of bridges) {
    await expectWorks({
      httpUrl: `http://127.0.0.1:${port}${basePath}`,
      wsUrl: `ws://127.0.0.1:${port}${basePath}`,
      prefix,
    });
  }
});

test.each([
  ["Express 4", express4],
  ["Express 5", express],
])("under %s REST and sockets work, and what is not the bridge's is the application's", async (_, framework) => {
  const { bridge, prefix } = makeBridge({ queues: ["emails"] });
  const application = framework();
  application.use(bridge.router);
  application.get("/wsx", (_request, response) => void response.send("own page"));
  application.use((request, response) => void response.status(404).send(`own 404 for ${request.url}`));
  const mounted = await mount(bridge, application);
  const origin = `http://127.0.0.1:${mounted.port}`;

  await expectWorks({ ...mounted, prefix });
  expect(await call(`${origin}/wsx`)).toMatchObject({ status: 200, text: "own page" });
  for (const path of ["/", "/other?x=1", "/WS/stats"]) {
    expect(await call(origin + path)).toMatchObject({ status: 404, text: `own 404 for ${path}` });
  }
  expect(await call(`${origin}/other`, { method: "OPTIONS" })).toMatchObject({ status: 404 });
});

test.each([
  ["Express 4", express4],
  ["Express 5", express],
])("under %s the application's own middleware may come first, and its locals stay", async (_, framework) => {
  const { bridge } = makeBridge();
  const application = framework();
  application.use((request, response, next) => {
    response.locals.user = "ann";
    response.setHeader("x-application", request.url);
    next();
  });
  application.use(bridge.router);
  application.get("/after", (request, response) => {
    response.json({ user: response.locals.user, url: request.url, base: request.baseUrl, query: request.query });
  });
  const { httpUrl, port } = await mount(bridge, application);

  expect((await call(`${httpUrl}/health`)).headers["x-application"]).toBe("/ws/health");
  expect((await call(`http://127.0.0.1:${port}/after?a=1`)).body).toEqual({
    user: "ann",
    url: "/after?a=1",
    base: "",
    query: { a: "1" },
  });
});

test("on a plain server REST and sockets work, and a listener of one's own takes what is not the bridge's", async () => {
  const { bridge, prefix } = makeBridge({ queues: ["emails"] });
  const mounted = await mount(bridge, (request, response) => {
    bridge.router(request, response, () => response.end(`own answer to ${request.url}`));
  });
  await expectWorks({ ...mounted, prefix });
  expect((await call(`http://127.0.0.1:${mounted.port}/other?x=1`)).text).toBe("own answer to /other?x=1");
});

test.each(["/bull", "/bull/ws", "/a.b/c_d/~e-f"])("everything is under the base path %s", async (basePath) => {
  const bridge = await mountBridge({ queues: ["emails"], basePath });
  await expectWorks(bridge);
  expectProblem(await call(`http://127.0.0.1:${bridge.port}/ws/stats`), 404);
  expect((await Viewer.refusal(`ws://127.0.0.1:${bridge.port}/ws`)).status).toBe(404);
});

test("handleUpgrade takes what is under the base path and leaves the rest untouched", async () => {
  const { bridge, prefix } = makeBridge({ queues: ["emails"] });
  const server = createServer(bridge.router);
  const answers: [url: string | undefined, taken: boolean][] = [];
  server.on("upgrade", (request, socket, head) => {
    const taken = bridge.handleUpgrade(request, socket, head);
    answers.push([request.url, taken]);
    if (!taken) socket.end(`HTTP/1.1 418 I'm a teapot\r\nlisteners: ${socket.listenerCount("error")}\r\n\r\n`);
  });
  const port = await listen(server);
  await bridge.start();

  await expectWorks({ httpUrl: `http://127.0.0.1:${port}/ws`, wsUrl: `ws://127.0.0.1:${port}/ws`, prefix });
  expect(await exchange(port, upgradeText("/other"))).toMatch(/^HTTP\/1\.1 418 .*\r\nlisteners: 0\r\n/);
  expect(answers).toEqual([
    ["/ws?queue=emails", true],
    ["/other", false],
  ]);
});

test.each(["/", "/other", "/wsx", "/socket.io/?EIO=4", "*"])(
  "an upgrade of %s, for nobody, is answered with 404 where only the bridge listens",
  async (path) => {
    const { port } = await mountBridge();
    const answer = await exchange(port, upgradeText(path));
    expect(answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
    expect(answer).toMatch(/content-type: application\/problem\+json/);
    expect(answer).toContain("/ws/{client_id}");
  },
);

const REFUSED: [whose: string, text: string][] = [
  ["nobody's", upgradeText("/other")],
  ["a stranger's", upgradeText("/ws", ["Host: evil.example"])],
];

test.each(REFUSED)("the client of a refused upgrade, %s, may vanish at any moment without harm", async (_, text) => {
  const { port, httpUrl } = await mountBridge();
  // Outside of tests an error nobody hears ends the process.
  const unheard: unknown[] = [];
  const hear = (error: unknown) => void unheard.push(error);
  process.on("uncaughtException", hear);
  onTestFinished(() => void process.off("uncaughtException", hear));

  for (let attempt = 0; attempt < 20; attempt += 1) {
    const socket = connect(port, "127.0.0.1");
    const closed = latch();
    socket.on("error", () => undefined);
    socket.on("close", () => closed.open());
    socket.write(text, () => socket.resetAndDestroy());
    await closed.promise;
  }

  expect((await call(`${httpUrl}/health`)).status).toBe(200);
  expect(unheard).toEqual([]);
});

test.each(REFUSED)("the client of a refused upgrade, %s, is hung up on when it does not hang up", async (_, text) => {
  const { port, server } = await mountBridge();
  const closed = latch();
  server.on("connection", (socket) => socket.once("close", () => closed.open()));
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined).resume();
  socket.write(text);
  await closed.promise;
});

const FORWARD = `
  proxy_http_version 1.1;
  proxy_set_header Host $host;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_upgrade;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;`;

/** How nginx may pass a prefix on: stripped, or as it is to a bridge that has it as its base path. */
const PREFIXES: [what: string, options: Partial<BridgeOptions>, location: (port: number) => string, path: string][] = [
  [
    "stripped",
    {},
    (port) => `location /apps/live/ { proxy_pass http://127.0.0.1:${port}/; ${FORWARD} }`,
    "/apps/live/ws",
  ],
  [
    "kept",
    { basePath: "/bull/ws" },
    (port) => `location /bull/ { proxy_pass http://127.0.0.1:${port}; ${FORWARD} }`,
    "/bull/ws",
  ],
];

test.each(PREFIXES)(
  "behind nginx with its prefix %s everything works with the admin token",
  async (_, options, location, path) => {
    const { port, prefix } = await mountBridge({ queues: ["emails"], adminToken: "right", ...options });
    const proxy = await startNginx(location(port));
    const front = { httpUrl: `http://127.0.0.1:${proxy}${path}`, wsUrl: `ws://127.0.0.1:${proxy}${path}` };

    await expectWorks({ ...front, prefix }, { authorization: "Bearer right" });
    await Viewer.open(`${front.wsUrl}?token=right`);
    const page = { authorization: "Bearer right", host: "app.example.com", origin: "https://app.example.com" };
    await Viewer.open(front.wsUrl, { headers: page });
  },
);

test.each(PREFIXES)(
  "behind nginx with its prefix %s nobody gets in without the admin token",
  async (_, options, location, path) => {
    for (const adminToken of [undefined, "right"]) {
      const { port } = await mountBridge({ queues: ["emails"], ...(adminToken && { adminToken }), ...options });
      const proxy = await startNginx(location(port));

      for (const route of ["/stats", "/clients", "/health", "/openapi.json"]) {
        expectProblem(await call(`http://127.0.0.1:${proxy}${path}${route}`), adminToken ? 401 : 403);
      }
      const { status, problem } = await Viewer.refusal(`ws://127.0.0.1:${proxy}${path}`);
      expect(status).toBe(403);
      expect(problem.detail).toContain("proxy");
    }
  },
);

test.each([
  [true, "198.51.100.7"],
  [false, "127.0.0.1"],
])("with trustProxy %s a client behind nginx is shown with the address %s", async (trustProxy, shown) => {
  const { port, httpUrl } = await mountBridge({ adminToken: "right", trustProxy });
  // What the client itself wrote comes first, and is not to be believed.
  const claim = FORWARD.replace("$proxy_add_x_forwarded_for", '"$http_x_forwarded_for, 198.51.100.7"');
  const proxy = await startNginx(`location / { proxy_pass http://127.0.0.1:${port}; ${claim} }`);
  await Viewer.open(`ws://127.0.0.1:${proxy}/ws?token=right`, { headers: { "x-forwarded-for": "203.0.113.9" } });

  const answer = await call(`${httpUrl}/clients`, { headers: { authorization: "Bearer right" } });

  expect(clientsSchema.parse(answer.body).clients.map(({ remote_address }) => remote_address)).toEqual([shown]);
});
