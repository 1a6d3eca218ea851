import type { Health } from "../protocol/admin.ts";
import type { SourceProblems } from "../sources/source-problems.ts";

type Check = Health["checks"][string];

/** Sums the parts up: without the event streams nothing works, without the others less does. */
export function readHealth(isStarted: boolean, problems: SourceProblems): Health {
  const { eventStreams, jobs, jobLogs, logChannels, discovery, unreadable, takenOver } = problems;
  const checks: Record<string, Check> = {
    redis: check("unhealthy", isStarted ? eventStreams : "the bridge is not started, or closed"),
    jobs: check("degraded", jobs && `names and attempts of jobs cannot be read: ${jobs}`),
  };
  checks.job_logs = check("degraded", jobLogs && `the logs of jobs at work cannot be followed: ${jobLogs}`);
  if (logChannels !== undefined) checks.log_channels = check("degraded", logChannels);
  if (discovery !== undefined) checks.discovery = check("degraded", discovery);
  for (const { queue, reason } of unreadable) {
    checks[`queue:${queue}`] = check("degraded", `queue "${queue}" cannot be read: ${reason}`);
  }
  for (const { queue, reason } of takenOver) {
    checks[`queue_events:${queue}`] = check(
      "degraded",
      `the bridge reads queue "${queue}" itself, as its QueueEvents instance cannot be relied on: ${reason}`,
    );
  }
  const statuses = Object.values(checks).map(({ status }) => status);
  const worst = (["unhealthy", "degraded"] as const).find((status) => statuses.includes(status));
  return { status: worst ?? "healthy", checks };
}

function check(status: "degraded" | "unhealthy", problem: string | null): Check {
  return problem === null ? { status: "healthy" } : { status, reason: problem };
}
