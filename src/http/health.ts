import type { Health } from "./schemas.ts";

/** What is known of the parts; a problem is the reason why one does not work, null when it does. */
export interface PartsState {
  isStarted: boolean;
  redis: string | null;
  commands: string | null;
  logChannels: string | null;
  discovery: string | null;
  /** Queues that cannot be read although Redis answers. */
  unreadable: readonly { queue: string; reason: string }[];
  /** Queues whose `QueueEvents` instance the bridge no longer relies on. */
  takenOver: readonly { queue: string; reason: string }[];
}

type Check = Health["checks"][string];

/** Sums the parts up: without the event streams nothing works, without the others less does. */
export function readHealth({
  isStarted,
  redis,
  commands,
  logChannels,
  discovery,
  unreadable,
  takenOver,
}: PartsState): Health {
  const checks: Record<string, Check> = {
    redis: check("unhealthy", isStarted ? redis : "the bridge is not started, or closed"),
    // Messages go on without what the hashes say.
    jobs: check("degraded", commands && `names and attempts of jobs cannot be read: ${commands}`),
  };
  if (logChannels !== null) checks.log_channels = check("degraded", logChannels);
  if (discovery !== null) checks.discovery = check("degraded", discovery);
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
