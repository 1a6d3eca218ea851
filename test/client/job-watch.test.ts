import { expect, test } from "vitest";
import type { JobView } from "../../src/client/index.ts";
import { connectClient } from "./support/client.ts";
import { ScriptedServer } from "./support/scripted-server.ts";
import { snapshotOf } from "./support/snapshot.ts";

const JOB = { queue: "a", task_id: "1", name: "encode" };

/** A client that is connected and watches nothing. */
async function connect() {
  const server = await ScriptedServer.start();
  const observed = connectClient({ url: server.url, topics: [] });
  const connection = await server.accept();
  await observed.until(() => observed.client.state === "open", "open");
  /** Waits until the client has taken in all that was sent. */
  const settled = async () => {
    connection.send("ping", "ping", { ping_id: "p" });
    await connection.take("pong");
  };
  return { ...observed, server, connection, settled };
}

test("a job is watched from its snapshot to its end", async () => {
  const { client, connection } = await connect();
  const changes: JobView[] = [];
  const watch = client.watchJob("a", "1", (job) => changes.push(job));
  expect(watch.job.state).toBe("unknown");
  const request = await connection.take("subscribe");
  expect(request.content.topics).toEqual(["job:a:1"]);
  connection.send("snapshot", snapshotOf({ progress: 10 }), JOB);
  connection.answer(request);
  connection.send("task_progress", 60, { ...JOB, cursor: "A1" });
  connection.send("task_progress", 99, { ...JOB, task_id: "2", cursor: "A2" });
  connection.send("task_success", "done", { ...JOB, cursor: "A3" });
  expect(await watch.ended).toMatchObject({ state: "completed", result: "done", progress: 60 });
  expect(changes.map(({ state, progress }) => [state, progress])).toEqual([
    ["active", 10],
    ["active", 60],
    ["completed", 60],
  ]);
  expect(watch.job).toBe(changes.at(-1));
});

test("watches of one job share its topic, which is given up with the last", async () => {
  const { client, connection, settled } = await connect();
  const first = client.watchJob("a", "1");
  const request = await connection.take("subscribe");
  connection.send("snapshot", snapshotOf({ progress: 10 }), JOB);
  connection.answer(request);
  await settled();
  const second = client.watchJob("a", "1");
  expect(second.job.progress).toBe(10);
  first.close();
  first.close();
  await expect(first.ended).rejects.toMatchObject({ code: "CLOSED" });
  connection.send("task_failed", "broken", { ...JOB, cursor: "A1" });
  expect(await second.ended).toMatchObject({ failedReason: "broken" });
  second.close();
  // Nothing between the first request and this one: two watches, one topic.
  expect((await connection.take("unsubscribe")).content.topics).toEqual(["job:a:1"]);
});

test("a topic asked for by name stays when the watch is closed, and the other way round", async () => {
  const { client, connection } = await connect();
  client.subscribe(["job:a:1"]).catch(() => undefined);
  await connection.subscribed();
  const watch = client.watchJob("a", "1");
  await client.unsubscribe(["job:a:1"]);
  watch.close();
  expect((await connection.take("unsubscribe")).content.topics).toEqual(["job:a:1"]);
});

test("a watch of a job that has ended is at its end at once", async () => {
  const { client, connection } = await connect();
  const first = client.watchJob("a", "1");
  await connection.take("subscribe");
  connection.send("snapshot", snapshotOf({ state: "completed", result: 5 }), JOB);
  expect((await first.ended).result).toBe(5);
  expect((await client.watchJob("a", "1").ended).result).toBe(5);
});

test("removal is an end, and so is being nowhere after having been somewhere", async () => {
  const { client, connection, settled } = await connect();
  const ended: string[] = [];
  for (const id of ["1", "2", "3"]) {
    client.watchJob("a", id).ended.then(
      () => ended.push(id),
      () => undefined,
    );
  }
  await connection.subscribed();
  const nowhere = snapshotOf({ state: "unknown", name: null });
  connection.send("snapshot", nowhere, { ...JOB, task_id: "1" });
  connection.send("snapshot", snapshotOf({}), { ...JOB, task_id: "2" });
  connection.send("snapshot", nowhere, { ...JOB, task_id: "2" });
  connection.send("task_removed", null, { ...JOB, task_id: "3" });
  await settled();
  expect(ended).toEqual(["2", "3"]);
  connection.send("task_added", null, { ...JOB, task_id: "1", cursor: "A1" });
  connection.send("task_success", null, { ...JOB, task_id: "1", cursor: "A2" });
  await settled();
  expect(ended).toEqual(["2", "3", "1"]);
});

test("a job that is retried after its end goes on changing", async () => {
  const { client, connection, settled } = await connect();
  const watch = client.watchJob("a", "1");
  await connection.subscribed();
  connection.send("task_failed", "broken", { ...JOB, cursor: "A1" });
  expect((await watch.ended).state).toBe("failed");
  connection.send("task_waiting", null, { ...JOB, cursor: "A2" });
  await settled();
  expect(watch.job).toMatchObject({ state: "waiting", failedReason: null });
  const second = client.watchJob("a", "1");
  connection.send("task_success", "at last", { ...JOB, cursor: "A3" });
  expect((await second.ended).result).toBe("at last");
});

test("lines that a snapshot holds are not shown twice when they are sent again", async () => {
  const { client, connection, settled } = await connect();
  const watch = client.watchJob("a", "1");
  await connection.subscribed();
  const logs = [0, 1].map((line) => ({ line, level: null, content: `line ${line}`, timestamp: null }));
  connection.send("snapshot", snapshotOf({ logs }), JOB);
  for (const line of [1, 2, 2, 3]) connection.send("logs", `line ${line}`, { ...JOB, line, level: null });
  await settled();
  expect(watch.job.logs.map(({ line }) => line)).toEqual([0, 1, 2, 3]);
});

test("a watch outlives the connection: what happened meanwhile comes on the next", async () => {
  const { client, connection, server, settled } = await connect();
  const watch = client.watchJob("a", "1");
  await connection.subscribed({ a: "A1" });
  await settled();
  connection.socket.terminate();
  const second = await server.accept();
  const request = await second.take("subscribe");
  expect(request.content).toEqual({ topics: ["job:a:1"], since: { a: "A1" } });
  second.send("task_success", "meanwhile", { ...JOB, cursor: "A2" });
  second.answer(request, { a: "A2" }, true);
  expect((await watch.ended).result).toBe("meanwhile");
});

test("a watch begun without a connection comes with a snapshot, not with the cursors of before", async () => {
  const { client, connection, server, settled, until } = await connect();
  client.watchJob("a", "1");
  await connection.subscribed({ a: "A1" });
  await settled();
  connection.socket.terminate();
  await until(() => client.state === "waiting", "waiting");
  client.watchJob("a", "2");
  const second = await server.accept();
  expect((await second.take("subscribe")).content).toEqual({ topics: ["job:a:1"], since: { a: "A1" } });
  expect((await second.take("subscribe")).content).toEqual({ topics: ["job:a:2"] });
});

test("a gap makes a watched job stale until its snapshot comes", async () => {
  const { client, connection, settled } = await connect();
  const watch = client.watchJob("a", "1");
  await connection.subscribed();
  connection.send("snapshot", snapshotOf({}), JOB);
  connection.send("gap", { queue: "a", missed: 3 });
  await settled();
  expect(watch.job.isStale).toBe(true);
  connection.send("snapshot", snapshotOf({ state: "completed", result: 1 }), JOB);
  expect(await watch.ended).toMatchObject({ isStale: false, result: 1 });
});

test("the end of a job that the server refuses, or of a closed client, does not come", async () => {
  const { client, connection } = await connect();
  const refused = client.watchJob("a", "1");
  const { meta } = await connection.take("subscribe");
  connection.send("error", { code: "forbidden", message: "not for you" }, meta);
  await expect(refused.ended).rejects.toMatchObject({ code: "SERVER_ERROR", serverCode: "forbidden" });
  // It may be allowed by now.
  client.watchJob("a", "1");
  expect((await connection.take("subscribe")).content).toEqual({ topics: ["job:a:1"] });
  const closed = client.watchJob("a", "2");
  client.close();
  await expect(closed.ended).rejects.toMatchObject({ code: "CLOSED" });
});
