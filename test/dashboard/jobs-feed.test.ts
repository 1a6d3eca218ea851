import { expect, onTestFinished, test, vi } from "vitest";
import { JobsFeed } from "../../src/dashboard/pages/jobs/jobs-feed.ts";
import type { JobPage, JobSummary } from "../../src/protocol/job-summary.ts";
import { connectClient } from "../client/support/client.ts";
import { ScriptedServer } from "../client/support/scripted-server.ts";
import { summaryOf } from "./messages.ts";

/** A feed whose server is scripted, and which reads what `answer` says for each query. */
async function start(answer: (query: URLSearchParams) => JobPage, queue: string | null = null) {
  const server = await ScriptedServer.start();
  const { client } = connectClient({ url: server.url, topics: [] });
  const queries: string[] = [];
  const watched: string[] = [];
  const connection = {
    client,
    watch: (topics: readonly string[]) => {
      watched.push(...topics);
      void client.subscribe(topics);
      return () => void client.unsubscribe(topics);
    },
  };
  const feed = new JobsFeed(
    connection,
    async (query) => {
      queries.push(`${query}`);
      return answer(query);
    },
    queue,
    () => undefined,
  );
  onTestFinished(() => feed.close());
  feed.start();
  const accepted = await server.accept();
  return { feed, queries, watched, accepted };
}

const END: JobPage = { jobs: [], next: null };
const pageOf = (state: JobSummary["state"], ids: string[], next: string | null = null): JobPage => ({
  jobs: ids.map((id) => summaryOf(id, { state })),
  next,
});

test("jobs are read when the topic is subscribed, each state for itself, and those set aside with those that wait", async () => {
  const { feed, queries, watched, accepted } = await start((query) =>
    query.getAll("state").includes("waiting") ? pageOf("paused", ["3", "2"]) : END,
  );
  expect(queries, "nothing may happen unheard between what is read and what is told").toEqual([]);
  await accepted.subscribed();
  await expect.poll(() => feed.isBegun).toBe(true);
  expect(watched).toEqual(["*"]);
  expect(queries).toContain("limit=100&state=waiting&state=paused");
  expect(queries.length).toBe(7);
  expect(feed.table.shown.map(({ id, view }) => `${id} ${view.state}`)).toEqual(["3 waiting", "2 waiting"]);
  expect(feed.hasMore).toBe(false);
});

test("of several states the one whose next jobs are the newest goes on", async () => {
  const { feed, queries, accepted } = await start((query) => {
    const after = query.get("after");
    if (query.get("state") === "completed") return pageOf("completed", after ? ["4"] : ["9", "8"], after ? null : "c");
    if (query.get("state") === "failed") return pageOf("failed", after ? ["1"] : ["6", "5"], after ? null : "f");
    return END;
  }, "a");
  await accepted.subscribed();
  await expect.poll(() => feed.isBegun).toBe(true);
  queries.length = 0;
  await feed.readOn();
  await feed.readOn();
  await feed.readOn();
  expect(queries.map((query) => new URLSearchParams(query).get("after"))).toEqual(["c", "f"]);
  expect(queries[0]).toContain("queue=a");
  expect(feed.table.shown.map(({ id }) => id)).toEqual(["9", "8", "6", "5", "4", "1"]);
});

test("states that are asked for are read when they are, and only they", async () => {
  const { feed, queries, accepted } = await start(() => END);
  feed.setFilter({ queue: null, states: ["failed"], name: "", id: "", text: "" });
  await accepted.subscribed();
  await expect.poll(() => feed.isBegun).toBe(true);
  expect(queries).toEqual(["limit=100&state=failed"]);
  feed.setFilter({ queue: null, states: ["active", "failed"], name: "", id: "", text: "" });
  await expect.poll(() => feed.isBegun).toBe(true);
  expect(queries).toEqual(["limit=100&state=failed", "limit=100&state=active"]);
});

test("after a gap it is read again, however many there are no more than once in five seconds", async () => {
  let isGone = false;
  const { feed, queries, accepted } = await start((query) =>
    query.get("state") === "active" && !isGone ? pageOf("active", ["1"]) : END,
  );
  await accepted.subscribed();
  await expect.poll(() => feed.isBegun).toBe(true);
  isGone = true;
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  onTestFinished(() => void vi.useRealTimers());
  queries.length = 0;
  for (let gap = 0; gap < 3; gap += 1)
    accepted.send("gap", { queue: "a", missed: null, truncated: false }, { queue: "a" });
  await vi.waitFor(() => expect(feed.table.get("a", "1")?.view.isStale).toBe(true));
  await vi.advanceTimersByTimeAsync(4000);
  expect(queries).toEqual([]);
  await vi.advanceTimersByTimeAsync(1100);
  expect(queries.length).toBe(7);
});

test("a read that fails is told of, and may be tried again", async () => {
  let isDown = true;
  const { feed, accepted } = await start(() => {
    if (isDown) throw new Error("Redis does not answer");
    return pageOf("completed", ["1"]);
  });
  await accepted.subscribed();
  await expect.poll(() => feed.error).toMatchObject({ message: "Redis does not answer" });
  expect(feed.isReading).toBe(false);
  isDown = false;
  await feed.readOn();
  expect(feed.error).toBeNull();
  expect(feed.table.size).toBe(1);
});
