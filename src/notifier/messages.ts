import { WebSocketMessage } from "../protocol/message.ts";
import type { Topic } from "../protocol/topic.ts";
import { ALL_TOPIC, jobTopic, queueTopic } from "../protocol/topic.ts";
import type { Fact } from "../sources/fact.ts";
import type { JobKey } from "../sources/job-key.ts";
import type { JobLogLine } from "../sources/job-log-tail.ts";
import { isJobFact } from "./attempts.ts";
import type { Advanced } from "./job-tracker.ts";
import { toIso, translate } from "./translate.ts";

const NO_JOB = { attempt: null, attempts: null, attemptFailed: false, reason: null, hasEnded: false };

/** The message about one fact; `job` is what is known of its job, null for a fact about a queue. */
export function factMessage(fact: Fact, job: Advanced | null, cursor: string): WebSocketMessage {
  const { type, content, meta } = translate(fact, job ?? NO_JOB);
  const { queue } = fact;
  const origin = isJobFact(fact)
    ? { queue, task_id: fact.jobId, name: job?.name ?? null, attempt: job?.attempt ?? null, cursor }
    : { queue, cursor };
  const timestamp = toIso(job?.atMs ?? fact.atMs);
  return new WebSocketMessage({ type, content, meta: Object.assign(origin, meta), timestamp });
}

/** What lines of a job's own log say of the job. */
export interface LineOrigin extends JobKey {
  name: string | null;
  attempt: number | null;
  /** ISO 8601. */
  timestamp: string;
  /** Whether the job had ended before. */
  isLate: boolean;
}

/** The message about one line of a job's own log; such lines have no cursor. */
export function lineMessage(
  { queue, jobId, name, attempt, timestamp, isLate }: LineOrigin,
  line: JobLogLine,
): WebSocketMessage {
  const meta = {
    queue,
    task_id: jobId,
    name,
    attempt,
    level: null,
    logged_at: null,
    ...(line.line !== null && { line: line.line }),
    ...(line.dropped !== undefined && { dropped: line.dropped }),
    ...(isLate && { late: true }),
  };
  return new WebSocketMessage({ type: "logs", content: line.content, meta, timestamp });
}

/** Of which attempt lines of a job's own log are; null when they were read from the first on and may be of several. */
export function attemptOfLines(lines: readonly JobLogLine[], attempt: number | null): number | null {
  return attempt !== null && attempt > 1 && lines[0]?.line === 0 ? null : attempt;
}

/** The topics that carry messages about a job, or about a queue. */
export function topicsOf(queue: string, jobId: string | null): Topic[] {
  return jobId === null ? [ALL_TOPIC, queueTopic(queue)] : [ALL_TOPIC, queueTopic(queue), jobTopic(queue, jobId)];
}
