import { createServer } from "node:http";
import express from "express";
import { expect, test } from "vitest";
import type { BridgeOptions } from "../../src/config.ts";
import { clientsSchema } from "../../src/http/schemas.ts";
import { Viewer } from "../support/viewer.ts";
import {
  call,
  exchange,
  expectProblem,
  latch,
  listen,
  makeBridge,
  mount,
  mountBridge,
  ownNetworkAddress,
  upgradeText,
} from "./support.ts";

/** Every address, reached through this machine's own: the peer is no loopback address then. */
const onNetwork = () => ({ host: "0.0.0.0", address: ownNetworkAddress() });
const ROUTES = [
  ["GET", "/stats"],
  ["GET", "/clients"],
  ["GET", "/health"],
  ["GET", "/openapi.json"],
  ["GET", "/nothing/here"],
  ["DELETE", "/clients/alice"],
  ["POST", "/send-message"],
] as const;

/** Checks that REST and upgrades alike are refused with 403, and that both texts say what to set. */
async function expectRefused(
  { httpUrl, wsUrl }: { httpUrl: string; wsUrl: string },
  headers: Record<string, string>,
  texts: { rest: RegExp; upgrade: RegExp },
): Promise<void> {
  for (const [method, path] of ROUTES) {
    const { detail } = expectProblem(await call(httpUrl + path, { method, headers }), 403);
    expect(detail).toMatch(texts.rest);
  }
  for (const path of ["", "/alice", "?watch=none"]) {
    const { status, problem } = await Viewer.refusal(wsUrl + path, { headers });
    expect(status).toBe(403);
    expect(problem.detail).toMatch(texts.upgrade);
  }
}

async function expectServed(
  { httpUrl, wsUrl }: { httpUrl: string; wsUrl: string },
  headers: Record<string, string>,
): Promise<void> {
  expect(await call(`${httpUrl}/health`, { headers })).toMatchObject({ status: 200 });
  await Viewer.open(wsUrl, { headers });
}

/** What a refusal of a request that is not local names: what to set, in code and in the environment. */
const OPENING = { rest: /`adminToken` \(BULLCAST_ADMIN_TOKEN\)/, upgrade: /`authenticate`.*BULLCAST_ADMIN_TOKEN/ };

test("requests from this machine are served", async () => {
  const bridge = await mountBridge();
  await expectServed(bridge, {});
  for (const host of ["localhost", "LOCALHOST:1234", "127.0.0.1:80", "[::1]:80"]) await expectServed(bridge, { host });
});

test("a peer that is not on this machine is refused", async () => {
  await expectRefused(await mountBridge({}, onNetwork()), {}, OPENING);
});

test("a peer that is not on this machine is refused whatever Host it claims", async () => {
  await expectRefused(await mountBridge({}, onNetwork()), { host: "localhost" }, OPENING);
});

test.each([
  ["forwarded", "for=192.0.2.1"],
  ["x-forwarded-for", "127.0.0.1"],
  ["x-forwarded-proto", "https"],
  ["x-forwarded-host", "localhost"],
  ["X-Forwarded-Anything", ""],
  ["x-real-ip", "192.0.2.1"],
  ["x-client-ip", "192.0.2.1"],
  ["cf-connecting-ip", "192.0.2.1"],
  ["via", "1.1 proxy"],
])("a request with %s is refused, as it began elsewhere", async (header, value) => {
  await expectRefused(await mountBridge(), { [header]: value }, OPENING);
});

test.each([
  "evil.example",
  "evil.example:3939",
  "localhost.evil.example",
  "127.0.0.1.evil.example",
  "192.0.2.1",
  "[::2]",
  "localhost:80:80",
  "a b",
])("a request for the host %s is refused, as its name may have been rebound to this machine", async (host) => {
  const bridge = await mountBridge();
  const texts = { rest: /`allowedHosts` \(BULLCAST_ALLOWED_HOSTS\)/, upgrade: /`allowedHosts`/ };
  await expectRefused(bridge, { host }, texts);
  // The page that was rebound sends the same name as its origin.
  await expectRefused(bridge, { host, origin: `http://${host}` }, { rest: /./, upgrade: /./ });
});

test("a request in HTTP/1.0 is refused, as proxies speak it that say nothing of whom they speak for", async () => {
  const { port } = await mountBridge();
  const rest = await exchange(port, "GET /ws/stats HTTP/1.0\r\nHost: localhost\r\n\r\n");
  expect(rest).toMatch(/^HTTP\/1\.1 403 /);
  expect(rest).toContain("came through a proxy");
});

test("a request without a Host is refused where hosts are named", async () => {
  const { port } = await mountBridge({ insecure: true, allowedHosts: ["bridge.internal"] });
  const rest = await exchange(port, "GET /ws/stats HTTP/1.0\r\n\r\n");
  const upgrade = await exchange(port, upgradeText("/ws", [], "1.0"));
  for (const answer of [rest, upgrade]) {
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).toContain("allowedHosts");
  }
});

test("hosts in allowedHosts are served, in any case and with any port", async () => {
  const bridge = await mountBridge({ allowedHosts: ["bridge.internal", "Other.Internal"] });
  for (const host of ["bridge.internal", "BRIDGE.internal:8080", "other.internal", "localhost"]) {
    await expectServed(bridge, { host });
  }
  await expectRefused(bridge, { host: "x.bridge.internal" }, { rest: /allowedHosts/, upgrade: /allowedHosts/ });
});

test.each(["http://evil.example", "null", "http://localhost:1", "file://", "nonsense", ""])(
  "a request of the foreign origin %j is refused",
  async (origin) => {
    const texts = { rest: /`allowedOrigins` \(BULLCAST_ALLOWED_ORIGINS\)/, upgrade: /`allowedOrigins`/ };
    await expectRefused(await mountBridge(), { origin }, texts);
    await expectRefused(
      await mountBridge({ adminToken: "secret", authenticate: () => ({ id: "ann" }) }),
      { origin, authorization: "Bearer secret" },
      texts,
    );
  },
);

test("a request of the server's own origin is served", async () => {
  const bridge = await mountBridge();
  for (const name of ["127.0.0.1", "localhost"]) {
    const host = `${name}:${bridge.port}`;
    await expectServed(bridge, { host, origin: `http://${host}` });
  }
  // A port that is the scheme's own is written in neither or only one of them.
  await expectServed(bridge, { host: "localhost:443", origin: "https://localhost" });
});

test("a request of an allowed origin is served, and no other", async () => {
  const bridge = await mountBridge({ allowedOrigins: ["https://app.example.com"] });
  await expectServed(bridge, { origin: "https://app.example.com" });
  for (const origin of [
    "https://app.example.com.evil.example",
    "http://app.example.com",
    "https://app.example.com:8443",
  ]) {
    await expectRefused(bridge, { origin }, { rest: /allowedOrigins/, upgrade: /allowedOrigins/ });
  }
});

test("`insecure` serves everybody", async () => {
  const bridge = await mountBridge({ insecure: true }, onNetwork());
  await expectServed(bridge, {});
  await expectServed(bridge, { host: "evil.example", "x-forwarded-for": "192.0.2.1", forwarded: "for=192.0.2.1" });
});

test("an Express application on all addresses serves its own pages to strangers, and nothing of the bridge", async () => {
  const { bridge } = makeBridge({ queues: ["emails"] });
  const application = express();
  application.use(bridge.router);
  application.get("/", (_request, response) => void response.send("the application"));
  const mounted = await mount(bridge, application, onNetwork());

  expect(await call(mounted.httpUrl.replace(/\/ws$/, "/"))).toMatchObject({ status: 200, text: "the application" });
  await expectRefused(mounted, {}, OPENING);
});

test("with an admin token REST serves those who have it, from anywhere, and nobody else", async () => {
  const { httpUrl } = await mountBridge({ adminToken: "right" }, onNetwork());
  for (const authorization of ["Bearer right", "bearer right", "BEARER  right"]) {
    expect((await call(`${httpUrl}/stats`, { headers: { authorization } })).status).toBe(200);
  }
  for (const authorization of [
    undefined,
    "",
    "right",
    "Bearer",
    "Bearer ",
    "Bearer wrong",
    "Bearer right x",
    "Basic right",
  ]) {
    const answer = await call(`${httpUrl}/stats`, { headers: authorization === undefined ? {} : { authorization } });
    const { detail } = expectProblem(answer, 401);
    expect(answer.headers["www-authenticate"]).toBe("Bearer");
    expect(detail).toContain("Authorization: Bearer");
  }
  expectProblem(await call(`${httpUrl}/stats?token=right`), 401);
});

test("with an admin token REST does not serve this machine without it", async () => {
  const { httpUrl } = await mountBridge({ adminToken: "right" });
  for (const [method, path] of ROUTES) expectProblem(await call(httpUrl + path, { method }), 401);
});

test("the admin token admits to sockets, in the header and in the URL", async () => {
  const { httpUrl, wsUrl } = await mountBridge({ adminToken: "right+&=" }, onNetwork());
  const authorization = "Bearer right+&=";
  await Viewer.open(`${wsUrl}/header`, { headers: { authorization } });
  await Viewer.open(`${wsUrl}/url?token=${encodeURIComponent("right+&=")}`);
  const { clients } = clientsSchema.parse((await call(`${httpUrl}/clients`, { headers: { authorization } })).body);
  expect(clients.map(({ client_id, principal }) => [client_id, principal])).toEqual([
    ["header", expect.stringContaining("admin")],
    ["url", clients[0]?.principal],
  ]);
});

test("a wrong token on a socket is answered with close code 4401, from anywhere", async () => {
  for (const where of [undefined, onNetwork()]) {
    const { wsUrl } = await mountBridge({ adminToken: "right" }, where);
    const viewers = [
      new Viewer(`${wsUrl}?token=wrong`),
      new Viewer(`${wsUrl}?token=`),
      new Viewer(wsUrl, { headers: { authorization: "Bearer wrong" } }),
    ];
    for (const viewer of viewers) {
      expect((await viewer.closed).code).toBe(4401);
      expect(viewer.messages.map(({ type, content }) => [type, content.code])).toEqual([["error", "unauthenticated"]]);
    }
  }
});

test("a socket without the admin token is refused as any stranger's, and local ones are not", async () => {
  const away = await mountBridge({ adminToken: "right" }, onNetwork());
  const { status, problem } = await Viewer.refusal(away.wsUrl);
  expect(status).toBe(403);
  expect(problem.detail).toMatch(OPENING.upgrade);
  await Viewer.open((await mountBridge({ adminToken: "right" })).wsUrl);
});

test.each<[what: string, authenticate: NonNullable<BridgeOptions["authenticate"]>]>([
  ["null", () => null],
  ["a promise of null", async () => null],
])("a viewer for whom `authenticate` returns %s is told so, and closed with 4401", async (_, authenticate) => {
  const { httpUrl, wsUrl, logs } = await mountBridge({ authenticate });
  const viewer = new Viewer(`${wsUrl}/alice`);
  const { code, reason } = await viewer.closed;
  expect(code).toBe(4401);
  expect(reason).not.toBe("");
  expect(viewer.messages).toMatchObject([{ type: "error", content: { code: "unauthenticated" } }]);
  expect(logs).toContainEqual(
    expect.objectContaining({ level: 40, status: 401, detail: expect.stringContaining("credentials") }),
  );
  expect((await call(`${httpUrl}/clients`)).body).toEqual({ total: 0, clients: [] });
});

const SECRET_FAILURE = new Error("password of the user database is hunter2");
const malformed = (principal: unknown) => () => principal as { id: string };

test.each<[what: string, authenticate: NonNullable<BridgeOptions["authenticate"]>]>([
  [
    "throws",
    () => {
      throw SECRET_FAILURE;
    },
  ],
  ["rejects", () => Promise.reject(SECRET_FAILURE)],
  // Two viewers without a name would be taken for one, and could take over each other's client ids.
  ["returns a principal without an id", malformed({ name: "ann" })],
  ["returns a principal whose id is no text", malformed({ id: 7 })],
  ["returns true", malformed(true)],
])("an `authenticate` that %s refuses with 1011, is logged, and ends nothing else", async (_, authenticate) => {
  let isFaulty = true;
  const { wsUrl, logs } = await mountBridge({
    authenticate: (request) => (isFaulty ? authenticate(request) : { id: "ann" }),
  });

  const viewer = new Viewer(wsUrl);

  expect((await viewer.closed).code).toBe(1011);
  expect(viewer.messages).toMatchObject([{ type: "error", content: { code: "internal_error" } }]);
  expect(JSON.stringify(viewer.messages)).not.toContain("hunter2");
  expect(logs.filter(({ level }) => level >= 50)).toMatchObject([{ msg: expect.stringContaining("authenticate") }]);
  isFaulty = false;
  await Viewer.open(wsUrl);
});

test("what went wrong in `authenticate` stands in the log", async () => {
  const { wsUrl, logs } = await mountBridge({ authenticate: () => Promise.reject(SECRET_FAILURE) });
  await new Viewer(wsUrl).closed;
  expect(JSON.stringify(logs)).toContain("user database");
});

test("whom `authenticate` lets in is shown among the clients, from anywhere and through proxies", async () => {
  const seen: (string | undefined)[] = [];
  const authenticate: BridgeOptions["authenticate"] = async ({ headers, url }) => {
    seen.push(url);
    return { id: `user:${headers["x-user"]}` };
  };
  const { httpUrl, wsUrl } = await mountBridge({ authenticate, adminToken: "right" }, onNetwork());
  await Viewer.open(`${wsUrl}/one?queue=emails&token=mine`, {
    headers: { "x-user": "ann", "x-forwarded-for": "192.0.2.1" },
  });
  const answer = await call(`${httpUrl}/clients`, { headers: { authorization: "Bearer right" } });
  expect(answer.body).toMatchObject({ total: 1, clients: [{ client_id: "one", principal: "user:ann" }] });
  expect(seen).toEqual(["/ws/one?queue=emails&token=mine"]);
});

test("a client id belongs to its principal: another is refused with 4403, the same one replaces it with 4409", async () => {
  const { wsUrl } = await mountBridge({ authenticate: ({ headers }) => ({ id: String(headers["x-user"]) }) });
  const as = (user: string) => ({ headers: { "x-user": user } });
  const ann = await Viewer.open(`${wsUrl}/desk`, as("ann"));

  const intruder = new Viewer(`${wsUrl}/desk`, as("bob"));
  expect((await intruder.closed).code).toBe(4403);
  expect(intruder.messages.map(({ type }) => type)).not.toContain("connected");
  expect(ann.socket.readyState).toBe(ann.socket.OPEN);

  const again = await Viewer.open(`${wsUrl}/desk`, as("ann"));
  expect((await ann.closed).code).toBe(4409);
  expect(again.socket.readyState).toBe(again.socket.OPEN);

  again.socket.close();
  await again.closed;
  await Viewer.open(`${wsUrl}/desk`, as("bob"));
});

test("a viewer without a name cannot take the client id of one who has one, nor the other way round", async () => {
  const { wsUrl } = await mountBridge({ adminToken: "right" });
  await Viewer.open(`${wsUrl}/a?token=right`);
  await Viewer.open(`${wsUrl}/b`);
  expect((await new Viewer(`${wsUrl}/a`).closed).code).toBe(4403);
  expect((await new Viewer(`${wsUrl}/b?token=right`).closed).code).toBe(4403);
});

test("a viewer that leaves while `authenticate` thinks is not missed", async () => {
  const thinking = latch();
  const thought = latch();
  const { httpUrl, wsUrl } = await mountBridge({
    authenticate: async ({ url }) => {
      if (url === "/ws/leaver") {
        thinking.open();
        await thought.promise;
      }
      return { id: "ann" };
    },
  });
  const viewer = new Viewer(`${wsUrl}/leaver`);
  await thinking.promise;
  viewer.socket.terminate();
  await viewer.closed;
  thought.open();

  await Viewer.open(`${wsUrl}/other`);
  await expect
    .poll(async () => (await call(`${httpUrl}/clients`)).body)
    .toMatchObject({ total: 1, clients: [{ client_id: "other" }] });
});

test("IPv6 loopback is this machine", async () => {
  const { bridge } = makeBridge();
  const server = createServer(bridge.router);
  bridge.attach(server);
  const port = await listen(server, "::1");
  await bridge.start();
  await expectServed({ httpUrl: `http://[::1]:${port}/ws`, wsUrl: `ws://[::1]:${port}/ws` }, {});
});
