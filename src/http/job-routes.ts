import type { ServerResponse } from "node:http";
import type { Router } from "express";
import { describeGiven, inputIssues } from "../input-issue.ts";
import type { Logger } from "../logger.ts";
import { LISTED_STATES } from "../protocol/queue-summary.ts";
import type { SnapshotContent } from "../protocol/snapshot.ts";
import type { JobDetail } from "../sources/job-detail.ts";
import { DEFAULT_LIMIT, readJobQuery } from "./job-query.ts";
import { reportJob, reportListedJob } from "./job-reports.ts";
import type { JobSource } from "./job-source.ts";
import { encodePageCursor } from "./page-cursor.ts";
import { refuseMethod, sendInvalid, sendJson, sendProblem } from "./problem.ts";
import { queueNameSchema } from "./schemas.ts";

export interface JobRoutesOptions {
  jobs: JobSource;
  logger: Logger;
}

/** Adds the routes that say how queues and jobs stand. */
export function addJobRoutes(routes: Router, { jobs, logger }: JobRoutesOptions): void {
  const sendUnanswered = (response: ServerResponse, error: unknown, asked: object): void => {
    logger.debug({ err: error, ...asked }, "jobs could not be read");
    const detail = isForbidden(error)
      ? "the Redis user may not read jobs: allow it the commands that bullcast's README lists"
      : "Redis does not answer; ask again later";
    sendProblem(response, { status: 503, detail });
  };

  routes
    .route("/queues")
    .get(async (_request, response) => {
      await jobs.count();
      sendJson(response, 200, { queues: jobs.summaries() });
    })
    .all(refuseMethod("GET, HEAD"));

  routes
    .route("/jobs")
    .get(async (request, response) => {
      // From the first question mark on: a queue's name may hold others.
      const read = readJobQuery(/\?(.*)/s.exec(request.url)?.[1] ?? "");
      if ("issues" in read) return sendInvalid(response, read.issues);
      const { queue, state: states = LISTED_STATES, limit = DEFAULT_LIMIT, after = null } = read.asked;
      const attached = jobs.summaries().map((summary) => summary.queue);
      if (queue !== undefined && !attached.includes(queue)) return sendUnknownJob(response, queue, undefined);
      const queues = queue === undefined ? attached : [queue];
      let page: Awaited<ReturnType<JobSource["list"]>>;
      try {
        page = await jobs.list({ queues, states, limit, after });
      } catch (error) {
        return sendUnanswered(response, error, { queue });
      }
      const next = page.last && encodePageCursor(page.last);
      sendJson(response, 200, { jobs: page.jobs.map(reportListedJob), next });
    })
    .all(refuseMethod("GET, HEAD"));

  routes
    .route("/jobs/:queue/:id")
    .get(async (request, response) => {
      const { queue, id } = request.params;
      const name = queueNameSchema.safeParse(queue);
      if (!name.success) return sendInvalid(response, inputIssues(name.error, queue, "queue"));
      let job: SnapshotContent | null | undefined;
      let detail: JobDetail | null;
      try {
        job = await jobs.read(name.data, id);
        detail = job ? await jobs.detail(name.data, id) : null;
      } catch (error) {
        return sendUnanswered(response, error, { queue, jobId: id });
      }
      if (job && detail) sendJson(response, 200, reportJob(job, detail));
      else sendUnknownJob(response, name.data, job === null ? id : undefined);
    })
    .all(refuseMethod("GET, HEAD"));
}

/** Whether Redis answers, but does not let its user do what was asked, by itself or in a transaction. */
function isForbidden(error: unknown): boolean {
  return error instanceof Error && /^(NOPERM|EXECABORT)/.test(error.message);
}

/** Without an id the queue itself is not known. */
function sendUnknownJob(response: ServerResponse, queue: string, jobId: string | undefined): void {
  const isKnownQueue = jobId !== undefined;
  const field = isKnownQueue ? "id" : "queue";
  const expected = isKnownQueue ? `the id of a job in queue "${queue}"` : "the name of an attached queue";
  const errors = [{ field, expected, given: describeGiven(jobId ?? queue) }];
  const detail = isKnownQueue ? `queue "${queue}" has no job "${jobId}"` : `queue "${queue}" is not attached`;
  sendProblem(response, { status: 404, detail, errors });
}
