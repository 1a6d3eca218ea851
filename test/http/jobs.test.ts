import { createServer } from "node:http";
import { pino } from "pino";
import { expect, test } from "vitest";
import type { Administration } from "../../src/admin/administration.ts";
import { Access } from "../../src/auth/access.ts";
import type { ConnectionManager } from "../../src/connections/connection-manager.ts";
import { jobDetailsSchema } from "../../src/http/job-schemas.ts";
import type { JobSource } from "../../src/http/job-source.ts";
import { RefusalLog } from "../../src/http/refusal-log.ts";
import { createRestRouter } from "../../src/http/rest-router.ts";
import type { SnapshotContent } from "../../src/protocol/snapshot.ts";
import type { JobDetail } from "../../src/sources/job-detail.ts";
import type { WidgetStore } from "../../src/widgets/widget-store.ts";
import { call, expectProblem, listen, strict } from "./support.ts";

const SNAPSHOT: SnapshotContent = {
  state: "active",
  name: "letter",
  progress: { pages: [1, 2] },
  attempt: 2,
  attempts: 3,
  result: null,
  failed_reason: "busy",
  logs: [{ line: 4, level: null, content: "a line", timestamp: null }],
  logs_truncated: true,
  added_at: "2026-01-01T00:00:00.000Z",
  started_at: "2026-01-01T00:00:01.000Z",
  finished_at: null,
  parent: { queue: "books", id: "9" },
  children: { total: 3, done: 1 },
};

const DETAIL: JobDetail = {
  data: { to: "ada", nested: [{}] },
  dataBytes: 30,
  stacktrace: ["Error: busy\n    at work (worker.js:7:1)"],
  options: { attempts: 3, kl: 5 },
  delayUntilMs: 1_700_000_000_000,
  processedBy: "worker 1",
};
const WHOLE = {
  ...SNAPSHOT,
  data: DETAIL.data,
  data_bytes: 30,
  stacktrace: DETAIL.stacktrace,
  options: DETAIL.options,
  delay_until: "2023-11-14T22:13:20.000Z",
  processed_by: "worker 1",
};

/** Serves the routes alone; answers their URL, and what was asked about which jobs. */
async function serveJobs(
  read: JobSource["read"],
  access: { adminToken?: string } = {},
  detail: JobSource["detail"] = async () => DETAIL,
) {
  const asked: [queue: string, jobId: string][] = [];
  const logger = pino({ level: "silent" });
  const router = createRestRouter({
    basePath: "/ws",
    about: {
      version: "1.0.0",
      read_only: false,
      insecure: false,
      needs_token: access.adminToken !== undefined,
      base_path: "/ws",
      prefix: "bull",
    },
    // No route of jobs asks these.
    manager: {} as ConnectionManager,
    administration: {} as Administration,
    widgets: {} as WidgetStore,
    access: new Access({ allowedOrigins: [], allowedHosts: [], insecure: false, ...access }),
    refusals: new RefusalLog(logger),
    health: () => ({ status: "healthy", checks: {} }),
    jobs: {
      read: (queue: string, jobId: string) => {
        asked.push([queue, jobId]);
        return read(queue, jobId);
      },
      detail,
    } as JobSource,
    logger,
  });
  const port = await listen(createServer((request, response) => router(request, response)));
  return { url: `http://127.0.0.1:${port}/ws/jobs`, asked };
}

test("a job is answered with its snapshot and its details, and nothing else is in it", async () => {
  const { url, asked } = await serveJobs(async () => SNAPSHOT);

  const { status, headers, body } = await call(`${url}/emails/7`);

  expect(status).toBe(200);
  expect(headers).toMatchObject({
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
  });
  expect(body).toEqual(WHOLE);
  expect(strict(jobDetailsSchema).parse(body)).toEqual(WHOLE);
  expect(asked).toEqual([["emails", "7"]]);
});

test("HEAD is answered as GET is, without the body", async () => {
  const { url } = await serveJobs(async () => SNAPSHOT);
  const answer = await call(`${url}/emails/7`, { method: "HEAD" });
  expect(answer).toMatchObject({ status: 200, text: "" });
});

test.each([
  "a/b",
  "a:b:c",
  "repeat:5f:1700000000000",
  "näme 1",
  "50%",
  "?#",
  "..%2F",
  "日本",
  "a\nb",
  "x".repeat(2000),
])("a job may have the id %j", async (id) => {
  const { url, asked } = await serveJobs(async () => SNAPSHOT);
  expect((await call(`${url}/emails/${encodeURIComponent(id)}`)).status).toBe(200);
  expect(asked).toEqual([["emails", id]]);
});

test("a queue's name is decoded, too", async () => {
  const { url, asked } = await serveJobs(async () => SNAPSHOT);
  expect((await call(`${url}/${encodeURIComponent("{mail}/näme")}/1`)).status).toBe(200);
  expect(asked).toEqual([["{mail}/näme", "1"]]);
});

test("a job that does not exist is answered with 404 and its id", async () => {
  const { url } = await serveJobs(async () => null);
  const { detail, errors } = expectProblem(await call(`${url}/emails/7`), 404, ["id"]);
  expect(detail).toBe('queue "emails" has no job "7"');
  expect(errors?.[0]?.given).toBe('"7"');
});

test("a queue that is not attached is answered with 404, and that is said", async () => {
  const { url } = await serveJobs(async () => undefined);
  const { detail, errors } = expectProblem(await call(`${url}/emails/7`), 404, ["queue"]);
  expect(detail).toBe('queue "emails" is not attached');
  expect(errors?.[0]?.given).toBe('"emails"');
});

test("while Redis does not answer that is said, and nothing of the error is shown", async () => {
  const fail = () => Promise.reject(new Error("secret of the inside"));
  for (const { url } of [await serveJobs(fail), await serveJobs(async () => SNAPSHOT, {}, fail)]) {
    const answer = await call(`${url}/emails/7`);
    expect(expectProblem(answer, 503).detail).toContain("Redis does not answer");
    expect(answer.text).not.toContain("secret");
  }
});

test.each(["NOPERM this user has no permissions", "EXECABORT Transaction discarded"])(
  "what the Redis user may not do is not taken for silence: %s",
  async (message) => {
    const { url } = await serveJobs(() => Promise.reject(new Error(message)));
    const answer = await call(`${url}/emails/7`);
    expect(expectProblem(answer, 503).detail).toContain("the Redis user may not read jobs");
    expect(answer.text).not.toContain(message);
  },
);

test.each(["a:b", "a".repeat(257)])("no queue can be called %s, and Redis is not asked", async (queue) => {
  const { url, asked } = await serveJobs(async () => SNAPSHOT);
  const { errors } = expectProblem(await call(`${url}/${encodeURIComponent(queue)}/1`), 400, ["queue"]);
  expect(errors?.[0]?.expected).toContain("without a colon");
  expect(asked).toEqual([]);
});

test("a path that cannot be decoded is answered with 400", async () => {
  const { url, asked } = await serveJobs(async () => SNAPSHOT);
  expectProblem(await call(`${url}/emails/%zz`), 400, ["path"]);
  expect(asked).toEqual([]);
});

test("other methods are refused", async () => {
  const { url, asked } = await serveJobs(async () => SNAPSHOT);
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    const answer = await call(`${url}/emails/7`, { method });
    expectProblem(answer, 405);
    expect(answer.headers.allow).toBe("GET, HEAD");
  }
  expect(asked).toEqual([]);
});

test("who may not use the other routes may not read jobs", async () => {
  const { url, asked } = await serveJobs(async () => SNAPSHOT, { adminToken: "secret" });
  expectProblem(await call(`${url}/emails/7`), 401);
  expect(asked).toEqual([]);
  const authorization = { authorization: "Bearer secret" };
  expect((await call(`${url}/emails/7`, { headers: authorization })).status).toBe(200);
});
