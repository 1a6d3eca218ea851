import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:http";
import { expect, test } from "vitest";
import { AsyncWidget, raw } from "../../src/index.ts";
import { call, expectProblem, latch, mountBridge, ownNetworkAddress } from "../http/support.ts";
import { Viewer } from "../support/viewer.ts";
import { idOf } from "./support.ts";

async function readPage(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
}

test.each([
  { name: "script", type: "text/javascript; charset=utf-8" },
  { name: "stylesheet", type: "text/css; charset=utf-8" },
] as const)(
  "the $name is served to everybody, with a strong ETag, and is what its hash says",
  async ({ name, type }) => {
    const { bridge, port } = await mountBridge(
      { basePath: "/live", adminToken: "secret" },
      { host: "0.0.0.0", address: ownNetworkAddress() },
    );
    const { url, integrity } = bridge.browserFiles[name];
    const address = `http://${ownNetworkAddress()}:${port}${url}`;
    const response = await fetch(address, { headers: { origin: "https://elsewhere.example" } });
    const bytes = Buffer.from(await response.arrayBuffer());

    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": type,
      "cache-control": "no-cache",
      "access-control-allow-origin": "*",
      "x-content-type-options": "nosniff",
      etag: expect.stringMatching(/^"[^"]+"$/),
    });
    expect(integrity).toBe(`sha384-${createHash("sha384").update(bytes).digest("base64")}`);
    expect(String(bridge.browserFiles.tags)).toContain(`="${url}" integrity="${integrity}"`);
    const etag = response.headers.get("etag") ?? "";
    for (const given of [etag, `"x", W/${etag}`, "*"]) {
      const again = await call(address, { headers: { "if-none-match": given } });
      expect({ given, status: again.status, body: again.body }).toEqual({ given, status: 304, body: undefined });
    }
    expect((await call(address, { headers: { "if-none-match": '"x"' } })).status).toBe(200);
    expectProblem(await call(address, { method: "POST" }), 405);
  },
);

test("a part is served as a page when it is ready, the same HTML, and is kept by no cache", async () => {
  const { bridge, httpUrl } = await mountBridge();
  const slow = latch<string>();
  const fails = () => Promise.reject(new Error("no"));
  const subwidgets = [() => raw("<p>fast</p>"), () => slow.promise.then(raw), fails];
  const placeholder = String(new AsyncWidget({ bridge, subwidgets }).render());
  const links = [...placeholder.matchAll(/<noscript><a href="([^"]+)">Show part \d of 3<\/a><\/noscript>/g)].map(
    ([, href = ""]) => new URL(href, httpUrl).href,
  );
  expect(links).toHaveLength(3);

  const fast = await readPage(links[0] ?? "");
  expect(fast).toMatchObject({
    status: 200,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "content-security-policy": expect.stringContaining("script-src 'none'"),
    },
  });
  expect(fast.text).toContain("<p>fast</p>");
  const waiting = readPage(links[1] ?? "");
  slow.open("<p>slow</p>");
  expect((await waiting).text).toContain("<p>slow</p>");
  expect(await readPage(links[2] ?? "")).toMatchObject({ status: 500, text: expect.stringContaining("Error <code>") });
});

test("a part that is not kept is answered with 404 and what to do", async () => {
  const { bridge, httpUrl } = await mountBridge();
  const id = idOf(new AsyncWidget({ bridge, subwidgets: [() => new Promise(() => undefined)] }).render());
  for (const path of ["AAAAAAAAAAAAAAAAAAAAAA/0", `${id}/1`, `${id}/x`, `${id}/-1`, `${id}/0.0`, "x/0"]) {
    const { status, text } = await readPage(`${httpUrl}/widgets/${path}`);
    expect({ path, status }).toEqual({ path, status: 404 });
    expect(text).toContain("load the page again");
  }
  // While it is waited for the bridge closes.
  const waiting = readPage(`${httpUrl}/widgets/${id}/0`);
  await expect.poll(() => bridge.widgets.fetch(id)?.waiting).toBe(1);
  bridge.widgets.close();
  expect((await waiting).status).toBe(404);
});

test("who goes away while waiting for a part is waited for no more", async () => {
  const { bridge, httpUrl } = await mountBridge();
  const id = idOf(new AsyncWidget({ bridge, subwidgets: [() => new Promise(() => undefined)] }).render());
  const impatient = request(`${httpUrl}/widgets/${id}/0`).on("error", () => undefined);
  impatient.end();
  await expect.poll(() => bridge.widgets.fetch(id)?.waiting).toBe(1);
  impatient.destroy();
  await expect.poll(() => bridge.widgets.fetch(id)?.waiting).toBe(0);
});

test("who goes away while `authenticate` is asked is not waited for at all", async () => {
  const asked = latch();
  const answered = latch();
  const authenticate = async (request: IncomingMessage) => {
    asked.open();
    await once(request.socket, "close");
    setImmediate(answered.open);
    return { id: "alice" };
  };
  const { bridge, httpUrl } = await mountBridge({ authenticate });
  const id = idOf(new AsyncWidget({ bridge, subwidgets: [() => new Promise(() => undefined)] }).render());
  const impatient = request(`${httpUrl}/widgets/${id}/0`).on("error", () => undefined);
  impatient.end();
  await asked.promise;
  impatient.destroy();
  await answered.promise;
  expect(bridge.widgets.fetch(id)?.waiting).toBe(0);
});

test("who may not open a socket gets no part either", async () => {
  const authenticate = ({ headers }: { headers: { cookie?: string | undefined } }) =>
    headers.cookie === "session=alice" ? { id: "alice" } : null;
  const { bridge, httpUrl, wsUrl } = await mountBridge({ authenticate, adminToken: "secret" });
  const id = idOf(new AsyncWidget({ bridge, subwidgets: [() => "for Alice"] }).render());
  const url = `${httpUrl}/widgets/${id}/0`;

  expectProblem(await call(url), 401);
  expectProblem(await call(url, { headers: { cookie: "session=alice", origin: "https://evil.example" } }), 403);
  expect((await readPage(url, { cookie: "session=alice" })).text).toContain("for Alice");
  expect((await call(`${url}?token=secret`)).status).toBe(200);
  expect((await new Viewer(wsUrl).closed).code).toBe(4401);

  const closed = await mountBridge({}, { host: "0.0.0.0", address: ownNetworkAddress() });
  const local = idOf(new AsyncWidget({ bridge: closed.bridge, subwidgets: [() => "local"] }).render());
  const { detail } = expectProblem(await call(`${closed.httpUrl}/widgets/${local}/0`), 403);
  expect(detail).toContain("`authenticate`");
});

test("an `authenticate` that fails is an error of the server, and tells nothing", async () => {
  const authenticate = () => Promise.reject(new Error("database is down"));
  const { bridge, httpUrl, logs } = await mountBridge({ authenticate });
  const id = idOf(new AsyncWidget({ bridge, subwidgets: [() => "x"] }).render());
  const { detail } = expectProblem(await call(`${httpUrl}/widgets/${id}/0`), 500);
  expect(detail).not.toContain("database");
  expect(JSON.stringify(logs)).toContain("database is down");
});
