import { createServer } from "node:http";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import express from "express";
import { expect, test } from "vitest";
import { startNginx } from "../support/nginx.ts";
import { call, exchange, expectProblem, express4, listen, makeBridge, mount, mountBridge } from "./support.ts";

/** Names of the page's assets, by how they end. */
async function readAssets(httpUrl: string): Promise<string[]> {
  const { text } = await call(`${httpUrl}/dashboard/`);
  const names = [...text.matchAll(/(?:src|href)="assets\/([\w-]+\.(?:js|css))"/g)].map(([, name = ""]) => name);
  expect(names).toHaveLength(2);
  return names;
}

/** Where a browser is led by a path of the page, with the `<base>` it was served with. */
function resolve(url: string, html: string, path: string): string {
  const base = /<base href="([^"]*)">/.exec(html)?.[1] ?? "";
  return new URL(path, new URL(base, url)).href;
}

test.each(["", "/", "/jobs", "/jobs/", "/jobs/emails/7", "/jobs/emails/7/", "/clients", "/messages", "/anything"])(
  "the address dashboard%s leads to the page, from which its assets are found",
  async (view) => {
    const { httpUrl } = await mountBridge({ basePath: "/live/view" });
    let url = `${httpUrl}/dashboard${view}`;
    let answer = await call(url);
    if (view === "") {
      expect(answer).toMatchObject({ status: 308, headers: { location: "dashboard/" } });
      url = new URL(answer.headers.location ?? "", url).href;
      answer = await call(url);
    }
    expect(answer).toMatchObject({ status: 200, headers: { "content-type": "text/html; charset=utf-8" } });
    expect(answer.text).toMatch(/^<!doctype html>/);
    expect(answer.text).toContain('<div id="app">');
    for (const name of await readAssets(httpUrl)) {
      const asset = resolve(url, answer.text, `assets/${name}`);
      expect(asset).toBe(`${httpUrl}/dashboard/assets/${name}`);
      expect((await call(asset)).status).toBe(200);
    }
  },
);

test("a job's id may have a slash in it, and the redirect keeps what was asked for", async () => {
  const { httpUrl } = await mountBridge();
  const url = `${httpUrl}/dashboard/jobs/emails/a%2Fb?log=error/1`;
  const { status, text } = await call(url);
  expect(status).toBe(200);
  expect(resolve(url, text, ".")).toBe(`${httpUrl}/dashboard/`);
  expect((await call(`${httpUrl}/dashboard?a=1&b=//evil.example`)).headers.location).toBe(
    "dashboard/?a=1&b=//evil.example",
  );
});

test("the page may load nothing but its own files and talk to nobody but its own host", async () => {
  const { httpUrl, port } = await mountBridge();
  const { headers, text } = await call(`${httpUrl}/dashboard/`);
  expect(`${headers["content-security-policy"]}`.split("; ")).toEqual([
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `connect-src 'self' ws://127.0.0.1:${port} wss://127.0.0.1:${port}`,
    "img-src 'self' data:",
    "base-uri 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]);
  expect(headers).toMatchObject({
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  });
  // What such a policy forbids is not there, either.
  expect(text).not.toMatch(
    /\b(src|href)\s*=\s*["']?\s*(https?:)?\/\/|<style|\sstyle=|\son\w+\s*=|<script(?![^>]*\ssrc=)/i,
  );
});

test.each(["evil.example; script-src *", "a b", "*", "a,b", "evil'unsafe-inline'", `${"x".repeat(70)}:999999`])(
  "a host of %j gets into no policy",
  async (host) => {
    const { port } = await mountBridge();
    const answer = await exchange(port, `GET /ws/dashboard/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/connect-src 'self';/);
    expect(answer).not.toContain(host);
  },
);

test("page and assets are served to whoever asks: they have no secrets, and a token is given to the page", async () => {
  const { httpUrl } = await mountBridge({ adminToken: "secret" });
  const headers = { "x-forwarded-for": "203.0.113.7", host: "bridge.example" };
  expect((await call(`${httpUrl}/dashboard/`, { headers })).status).toBe(200);
  for (const name of await readAssets(httpUrl)) {
    expect((await call(`${httpUrl}/dashboard/assets/${name}`, { headers })).status).toBe(200);
  }
  expectProblem(await call(`${httpUrl}/stats`, { headers }), 401);
});

test("assets are kept for ever, and come as small as the browser takes them", async () => {
  const { httpUrl } = await mountBridge();
  for (const name of await readAssets(httpUrl)) {
    const url = `${httpUrl}/dashboard/assets/${name}`;
    const ask = (encodings?: string) => call(url, { headers: encodings ? { "accept-encoding": encodings } : {} });
    const plain = await ask();
    expect(plain.headers).toMatchObject({
      "content-type": `text/${name.endsWith(".js") ? "javascript" : "css"}; charset=utf-8`,
      "cache-control": "public, max-age=31536000, immutable",
      "content-length": `${plain.bytes.length}`,
      vary: "accept-encoding",
      "x-content-type-options": "nosniff",
    });
    const [gzip, brotli] = [await ask("gzip, deflate"), await ask("gzip, deflate, br, zstd")];
    expect([plain, gzip, brotli].map(({ headers }) => headers["content-encoding"])).toEqual([undefined, "gzip", "br"]);
    expect(gunzipSync(gzip.bytes).equals(plain.bytes)).toBe(true);
    expect(brotliDecompressSync(brotli.bytes).equals(plain.bytes)).toBe(true);
    expect(brotli.bytes.length).toBeLessThan(gzip.bytes.length);
    for (const [asked, given] of [
      ["br;q=0, gzip", "gzip"],
      ["gzip;q=0, BR;q=0.1", "br"],
      ["br; q = 0 ,gzip;q=0", undefined],
      ["identity", undefined],
      ["brotli, x-gzip, *", undefined],
      [`${"br,".repeat(1000)}gzip;q=nonsense`, "br"],
    ] as const) {
      expect([asked, (await ask(asked)).headers["content-encoding"]]).toEqual([asked, given]);
    }
  }
});

test("whoever has the page or an asset already is told so", async () => {
  const { httpUrl } = await mountBridge();
  const [name = ""] = await readAssets(httpUrl);
  for (const path of ["", "jobs/emails/7", `assets/${name}`]) {
    const url = `${httpUrl}/dashboard/${path}`;
    const { headers } = await call(url);
    const etag = headers.etag ?? "";
    expect(etag).not.toBe("");
    for (const known of [etag, `"other", ${etag}`, etag.replace(/^W\//, ""), "*"]) {
      const answer = await call(url, { headers: { "if-none-match": known } });
      expect(answer).toMatchObject({ status: 304, text: "" });
      expect(answer.headers.etag).toBe(etag);
      expect(answer.headers["cache-control"]).toBe(headers["cache-control"]);
    }
    expect((await call(url, { headers: { "if-none-match": '"other"' } })).status).toBe(200);
  }
  // A page of another depth is another page.
  const { etag = "" } = (await call(`${httpUrl}/dashboard/`)).headers;
  expect((await call(`${httpUrl}/dashboard/jobs/a/1`, { headers: { "if-none-match": etag } })).status).toBe(200);
});

test("HEAD is answered as GET is, without the body; other methods are refused", async () => {
  const { httpUrl } = await mountBridge();
  const [name = ""] = await readAssets(httpUrl);
  for (const path of ["dashboard", "dashboard/", "dashboard/jobs", `dashboard/assets/${name}`]) {
    const url = `${httpUrl}/${path}`;
    const [got, headed] = [await call(url), await call(url, { method: "HEAD" })];
    expect(headed).toMatchObject({ status: got.status, text: "" });
    expect({ ...headed.headers, date: "" }).toEqual({ ...got.headers, date: "" });
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const refused = await call(url, { method });
      expectProblem(refused, 405);
      expect(refused.headers.allow).toBe("GET, HEAD");
    }
  }
});

test.each([
  "assets/",
  "assets/dashboard.js",
  "assets/index.html",
  "assets/../index.html",
  "assets/..%2findex.html",
  "assets/%2e%2e%2findex.html",
  "assets/..%5cindex.html",
  "assets/../../../package.json",
  "assets//etc/passwd",
  "assets/__proto__",
  "assets/constructor",
  "assets/%00",
  "assets/%zz",
  "a/a/a/a/",
  "/".repeat(40),
])("there is nothing at dashboard/%s", async (path) => {
  const { port } = await mountBridge();
  const answer = await exchange(
    port,
    `GET /ws/dashboard/${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 404 /);
  expect(answer).toContain("application/problem+json");
  expect(answer).not.toMatch(/doctype|root:|"name"/);
});

test.each(["hash", "br", "gz"])("neither is there one with another end: %s", async (end) => {
  const { httpUrl } = await mountBridge();
  for (const name of await readAssets(httpUrl)) {
    const wrong = end === "hash" ? name.replace(/-\w+\./, "-AAAAAAAA.") : `${name}.${end}`;
    expectProblem(await call(`${httpUrl}/dashboard/assets/${wrong}`), 404);
  }
});

test.each([
  ["Express 5", express],
  ["Express 4", express4],
])("in %s it is served, also beneath a path of the application's", async (_, framework) => {
  const { bridge } = makeBridge();
  const application = framework();
  application.use("/inner", bridge.router);
  application.use(bridge.router);
  const { httpUrl, port } = await mount(bridge, application);
  for (const base of [httpUrl, `http://127.0.0.1:${port}/inner/ws`]) {
    const redirected = await call(`${base}/dashboard`);
    expect(new URL(redirected.headers.location ?? "", `${base}/dashboard`).href).toBe(`${base}/dashboard/`);
    const { status, text } = await call(`${base}/dashboard/jobs/emails/1`);
    expect(status).toBe(200);
    const [name = ""] = await readAssets(base);
    expect(resolve(`${base}/dashboard/jobs/emails/1`, text, `assets/${name}`)).toBe(`${base}/dashboard/assets/${name}`);
    expect((await call(`${base}/dashboard/assets/${name}`)).status).toBe(200);
    for (const other of ["dashboards", "Dashboard/", "dashboard-x/"]) {
      expectProblem(await call(`${base}/${other}`), 404);
    }
  }
});

test("a server that takes the paths before it hands them on gets the same page", async () => {
  const { bridge } = makeBridge();
  const port = await listen(
    createServer((request, response) => {
      request.url = request.url?.replace(/^\/behind/, "") ?? "";
      bridge.router(request, response);
    }),
  );
  const base = `http://127.0.0.1:${port}/behind/ws`;
  const { headers } = await call(`${base}/dashboard`);
  expect(new URL(headers.location ?? "", `${base}/dashboard`).href).toBe(`${base}/dashboard/`);
  const { text } = await call(`${base}/dashboard/jobs/emails/1`);
  expect(resolve(`${base}/dashboard/jobs/emails/1`, text, ".")).toBe(`${base}/dashboard/`);
});

test("behind a proxy that puts it below another path the page finds its assets, and its host", async () => {
  const { port } = await mountBridge();
  const proxy = await startNginx(
    `location /bull/ { proxy_pass http://127.0.0.1:${port}/; proxy_set_header Host $http_host; gzip on; }`,
  );
  const base = `http://127.0.0.1:${proxy}/bull/ws`;
  const { headers } = await call(`${base}/dashboard`);
  expect(new URL(headers.location ?? "", `${base}/dashboard`).href).toBe(`${base}/dashboard/`);
  const [name = ""] = await readAssets(base);
  const page = await call(`${base}/dashboard/jobs/emails/1`);
  expect(page.headers["content-security-policy"]).toContain(`ws://127.0.0.1:${proxy}`);
  const asset = resolve(`${base}/dashboard/jobs/emails/1`, page.text, `assets/${name}`);
  expect(asset).toBe(`${base}/dashboard/assets/${name}`);
  const { status, bytes } = await call(asset, { headers: { "accept-encoding": "br" } });
  expect(status).toBe(200);
  expect(brotliDecompressSync(bytes).length).toBeGreaterThan(1000);
});
