import type { QueueSummary } from "../protocol/queue-summary.ts";
import type { SourceStatus } from "../protocol/source-status.ts";
import type { QueueCount } from "./queue-counts.ts";

/** What is said of an attached queue. `reader` is what reads its events; none before the start. */
export function summarizeQueue(
  queue: string,
  reader: SourceStatus | undefined,
  count: QueueCount | null,
  eventsTotal: number,
): QueueSummary {
  return {
    queue,
    is_paused: count?.isPaused ?? null,
    counts: count?.counts ?? null,
    counted_at: count ? new Date(count.countedAtMs).toISOString() : null,
    lag_ms: reader?.lag_ms ?? null,
    state: reader?.state ?? "connecting",
    events_total: eventsTotal,
  };
}
