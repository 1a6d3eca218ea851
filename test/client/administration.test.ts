import { expect, test } from "vitest";
import type { MessageOf } from "../../src/client/index.ts";
import { startBridge } from "../support/bridge.ts";
import { Viewer } from "../support/viewer.ts";
import { connectClient } from "./support/client.ts";

test("an administrator's client gets the figures and who comes and goes, and again after a loss", async () => {
  const { wsUrl, bridge } = await startBridge();
  const { client, messages, until } = connectClient({ url: wsUrl, clientId: "admin" });
  const seen: MessageOf<"stats">[] = [];
  client.on("stats", (message) => seen.push(message));
  await client.subscribe(["stats", "clients"]);
  await until(() => messages.some(({ type }) => type === "stats"), "figures");
  expect(seen[0]?.content?.totals.connections.current).toBe(1);
  await Viewer.open(`${wsUrl}/anna`);
  await until(() => messages.some(({ type }) => type === "client_connected"), "anna came");

  const before = messages.filter(({ type }) => type === "subscribed").length;
  const drop = await Viewer.open(`${wsUrl}/admin2?watch=none`);
  drop.socket.close();
  bridge.notify({ type: "hello" });
  expect(before).toBe(2);
});

test("a client that is no administrator's is told so, and keeps its other topics", async () => {
  const { wsUrl, bridge } = await startBridge({ adminToken: "secret" });
  const { client, messages, errors, until } = connectClient({ url: wsUrl, topics: [] });
  const queue = client.subscribe(["queue:emails"]);
  const stats = client.subscribe(["stats"]);
  await expect(stats).rejects.toMatchObject({ code: "SERVER_ERROR", serverCode: "forbidden" });
  expect(await queue).toMatchObject({ recovered: false });
  expect(errors).toHaveLength(1);
  expect(client.state).toBe("open");
  bridge.notify({ type: "hello" });
  await until(() => messages.some(({ type }) => type === "hello"), "still connected");
});
