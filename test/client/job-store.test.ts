import { expect, onTestFinished, test } from "vitest";
import type { JobChange, JobStoreOptions } from "../../src/client/index.ts";
import { JobStore } from "../../src/client/index.ts";
import { connectClient } from "./support/client.ts";
import { LedClock } from "./support/led-clock.ts";
import type { Received, ScriptedConnection } from "./support/scripted-server.ts";
import { ScriptedServer } from "./support/scripted-server.ts";
import { snapshotOf } from "./support/snapshot.ts";

let cursors = 0;

/** Sends a job message of queue `a`. */
function tell(
  connection: ScriptedConnection,
  id: string,
  type: string,
  content: unknown = null,
  meta: object = {},
): void {
  cursors += 1;
  connection.send(type, content, { queue: "a", task_id: id, name: "encode", cursor: `${cursors}`, ...meta });
}

async function settle(connection: ScriptedConnection): Promise<void> {
  connection.send("ping", "ping", { ping_id: "p" });
  await connection.take("pong");
}

/** A store whose client watches `*`; its clock is led. */
async function connect(options: JobStoreOptions = {}) {
  const server = await ScriptedServer.start();
  const clock = new LedClock();
  const observed = connectClient({ url: server.url });
  const store = new JobStore(observed.client, { clock, ...options });
  onTestFinished(() => store.close());
  const changes: JobChange[] = [];
  store.onChange((change) => changes.push(change));
  const connection = await server.accept();
  await connection.subscribed({ a: "A1" });
  return { ...observed, server, clock, store, changes, connection };
}

const statesOf = (store: JobStore) => [...store.jobs()].map(({ id, state }) => `${id} ${state}`);

test("it holds what it hears of every job, and lets removed ones go", async () => {
  const { store, connection, changes } = await connect();
  for (const id of ["1", "2", "3"]) tell(connection, id, "task_active");
  tell(connection, "1", "task_success", "done");
  tell(connection, "2", "logs", "a line", { line: 0 });
  tell(connection, "3", "task_removed");
  tell(connection, "9", "logs", "of a job nothing is known of", { line: 0 });
  await settle(connection);
  expect(statesOf(store)).toEqual(["2 active", "1 completed"]);
  expect(store.get("a", "2")?.logs.length).toBe(1);
  expect(store.get("a", "3")).toBeUndefined();
  expect(changes.map(({ job, isHeld }) => `${job.id} ${job.state} ${isHeld}`)).toEqual([
    "1 active true",
    "2 active true",
    "3 active true",
    "1 completed true",
    "2 active true",
    "3 unknown false",
  ]);
});

test("it is bounded: those finished longest ago go first", async () => {
  const { store, connection } = await connect({ maxJobs: 3, maxLogLines: 2 });
  for (const id of ["1", "2", "3"]) tell(connection, id, "task_active");
  tell(connection, "2", "task_success");
  tell(connection, "1", "task_success");
  for (const line of [0, 1, 2]) tell(connection, "3", "logs", "x", { line });
  tell(connection, "4", "task_active");
  await settle(connection);
  expect(statesOf(store)).toEqual(["3 active", "4 active", "1 completed"]);
  expect(store.get("a", "3")).toMatchObject({ logs: [{ line: 1 }, { line: 2 }], logsDropped: 1 });
  for (const id of ["5", "6"]) tell(connection, id, "task_active");
  await settle(connection);
  expect(statesOf(store)).toEqual(["4 active", "5 active", "6 active"]);
});

test("after a gap it asks for the jobs that the snapshots left out, and for no others", async () => {
  const { store, connection, clock } = await connect();
  for (const id of ["1", "2", "3", "4", "5"]) tell(connection, id, "task_active");
  tell(connection, "5", "task_success");
  tell(connection, "of b", "task_active", null, { queue: "b" });
  connection.send("gap", { queue: "a", missed: null, truncated: true });
  connection.send("snapshot", snapshotOf({}), { queue: "a", task_id: "1" });
  await settle(connection);
  expect([...store.jobs()].filter(({ isStale }) => isStale).map(({ id }) => id)).toEqual(["2", "3", "4"]);
  tell(connection, "2", "task_progress", 5);
  await settle(connection);
  clock.advance(1000);

  const request = await connection.take("subscribe");
  expect(request.content).toEqual({ topics: ["job:a:3", "job:a:4"] });
  connection.send("snapshot", snapshotOf({ state: "completed", result: 1 }), { queue: "a", task_id: "3" });
  connection.send("snapshot", snapshotOf({ state: "unknown", name: null }), { queue: "a", task_id: "4" });
  connection.answer(request, { a: "A9" });
  const givenUp: string[] = [];
  while (givenUp.length < 2) givenUp.push(...(await connection.take("unsubscribe")).content.topics);
  expect(givenUp).toEqual(["job:a:3", "job:a:4"]);
  expect(statesOf(store)).toEqual(["of b active", "1 active", "2 active", "5 completed", "3 completed"]);
});

test("snapshots that still come put the asking off, but not for ever", async () => {
  const { connection, clock } = await connect();
  for (const id of ["1", "2"]) tell(connection, id, "task_active");
  connection.send("gap", { queue: "a", missed: null });
  await settle(connection);
  for (let second = 0.5; second < 10; second += 0.5) {
    clock.advance(500);
    connection.send("snapshot", snapshotOf({}), { queue: "a", task_id: "1" });
    // `take` would complain of a subscribe here.
    await settle(connection);
  }
  clock.advance(500);
  expect((await connection.take("subscribe")).content.topics).toEqual(["job:a:2"]);
});

test("it asks for 50 jobs at a time until it knows of all of them", async () => {
  const { store, connection, clock } = await connect();
  for (let id = 1; id <= 120; id += 1) tell(connection, `${id}`, "task_active");
  connection.send("gap", { queue: null, missed: null });
  await settle(connection);
  clock.advance(1000);
  const open = new Set<string>();
  let [asked, most] = [0, 0];
  const follow = ({ type, content }: Received) => {
    for (const topic of content.topics as string[]) {
      if (type === "unsubscribe") {
        open.delete(topic);
        continue;
      }
      open.add(topic);
      asked += 1;
      connection.send("snapshot", snapshotOf({ state: "completed" }), { queue: "a", task_id: topic.split(":")[2] });
    }
    most = Math.max(most, open.size);
  };
  connection.socket.on("message", (data) => {
    const message = JSON.parse(String(data));
    if (/subscribe$/.test(message.type)) follow(message);
  });
  await new Promise<void>((resolve) => {
    store.onChange(() => {
      if ([...store.jobs()].every(({ state }) => state === "completed")) resolve();
    });
  });
  expect([asked, most]).toEqual([120, 50]);
});

test("asking outlives the connection", async () => {
  const { connection, clock, server, store, until, messages } = await connect();
  tell(connection, "1", "task_active", null, { cursor: "A5" });
  connection.send("gap", { queue: "a", missed: null });
  await settle(connection);
  clock.advance(1000);
  await connection.take("subscribe");
  connection.socket.terminate();
  const second = await server.accept();
  expect((await second.subscribed({ a: "A6" }, true)).content).toEqual({ topics: ["*"], since: { a: "A5" } });
  expect((await second.take("subscribe")).content.topics).toEqual(["job:a:1"]);
  second.send("snapshot", snapshotOf({ state: "failed" }), { queue: "a", task_id: "1" });
  await until(() => messages.some(({ type }) => type === "snapshot"), "the snapshot came");
  expect(store.get("a", "1")?.state).toBe("failed");
});

test("a past that was not recovered is treated as a gap of every queue", async () => {
  const { connection, clock, server, until, messages } = await connect();
  tell(connection, "1", "task_active");
  await settle(connection);
  connection.socket.terminate();
  const second = await server.accept();
  await second.subscribed({ a: "A6" }, false);
  await until(() => messages.some(({ type }) => type === "gap"), "a gap was told");
  clock.advance(1000);
  expect((await second.take("subscribe")).content.topics).toEqual(["job:a:1"]);
});

test("a closed store hears and asks no more", async () => {
  const { connection, clock, store } = await connect();
  tell(connection, "1", "task_active");
  connection.send("gap", { queue: "a", missed: null });
  await settle(connection);
  store.close();
  tell(connection, "1", "task_success");
  clock.advance(60_000);
  // `take` would complain of a subscribe here.
  await settle(connection);
  expect(statesOf(store)).toEqual(["1 active"]);
});
