import { describe, expect, it } from "vitest";
import { VERSION } from "../../src/version.ts";
import { Viewer } from "../support/viewer.ts";
import { call, expectProblem, mountBridge, ownNetworkAddress } from "./support.ts";

describe("a read-only bridge", () => {
  it("sends nothing and disconnects nobody, and says why, and shows everything", async () => {
    const { httpUrl, wsUrl, bridge } = await mountBridge({ readOnly: true });
    const anna = await Viewer.open(`${wsUrl}/anna`);
    for (const answer of [
      await call(`${httpUrl}/send-message`, { method: "POST", json: { type: "news", content: 1 } }),
      await call(`${httpUrl}/clients/anna`, { method: "DELETE" }),
      await call(`${httpUrl}/clients/nobody`, { method: "DELETE" }),
    ]) {
      expect(expectProblem(answer, 403).detail).toContain("`readOnly` (BULLCAST_READ_ONLY, --read-only)");
    }
    for (const path of ["stats", "clients", "health", "stats/history", "metrics"]) {
      expect({ path, status: (await call(`${httpUrl}/${path}`)).status }).toEqual({ path, status: 200 });
    }
    // The application's own code is not the dashboard's reader.
    expect(bridge.notify({ type: "hello", content: null })).toBe(1);
    await anna.next("hello");
    expect(anna.messages.map(({ type }) => type)).not.toContain("news");
  });
});

describe("about", () => {
  it("says what the bridge is and allows", async () => {
    const { httpUrl, prefix } = await mountBridge({ readOnly: true, basePath: "/live" });
    expect(await call(`${httpUrl}/about`)).toMatchObject({
      status: 200,
      headers: { "cache-control": "no-store" },
      body: { version: VERSION, read_only: true, insecure: false, needs_token: false, base_path: "/live", prefix },
    });
  });

  it("says that the token is needed, and no more, to whoever has none or another", async () => {
    const { httpUrl } = await mountBridge({ adminToken: "secret" });
    for (const headers of [{}, { authorization: "Bearer other" }]) {
      expect(await call(`${httpUrl}/about`, { headers })).toMatchObject({ status: 200 });
      expect((await call(`${httpUrl}/about`, { headers })).body).toEqual({ needs_token: true });
    }
    const headers = { authorization: "Bearer secret" };
    expect((await call(`${httpUrl}/about`, { headers })).body).toMatchObject({ needs_token: true, version: VERSION });
  });

  it("is not asked with one wrong token after the other unheard", async () => {
    const { httpUrl, logs } = await mountBridge({ adminToken: "secret" });
    const refusals = () => logs.filter(({ msg }) => String(msg).startsWith("requests are refused"));
    await call(`${httpUrl}/about`);
    expect(refusals()).toEqual([]);
    await call(`${httpUrl}/about`, { headers: { authorization: "Bearer other" } });
    expect(refusals()).toMatchObject([{ status: 401, detail: expect.stringContaining("admin token") }]);
    expect(JSON.stringify(logs)).not.toContain("other");
  });

  it("says why somebody is refused, and what to set", async () => {
    const address = ownNetworkAddress();
    const { httpUrl } = await mountBridge({}, { host: "0.0.0.0", address });
    expect(expectProblem(await call(`${httpUrl}/about`), 403).detail).toContain("`adminToken`");
    const origin = { origin: "http://evil.example" };
    const { httpUrl: withToken } = await mountBridge({ adminToken: "secret" });
    const answer = await call(`${withToken}/about`, { headers: { ...origin, authorization: "Bearer secret" } });
    expect(expectProblem(answer, 403).detail).toContain("origin");
  });

  it("says that everybody is served where that is so", async () => {
    const { httpUrl } = await mountBridge({ insecure: true }, { host: "0.0.0.0", address: ownNetworkAddress() });
    expect((await call(`${httpUrl}/about`)).body).toMatchObject({ insecure: true, needs_token: false });
  });
});
