import type { QueueSummary } from "../protocol/queue-summary.ts";
import type { SourceStatus } from "../protocol/source-status.ts";
import type { QueueCount } from "./queue-counts.ts";

/** What is known of queues. */
interface Known {
  sources: readonly SourceStatus[];
  countOf: (queue: string) => QueueCount | null;
  /** Events read of a queue since it was attached. */
  eventsOf: (queue: string) => number;
}

/** What is said of attached queues. */
export function summarizeQueues(queues: readonly string[], { sources, countOf, eventsOf }: Known): QueueSummary[] {
  const readers = new Map<string, SourceStatus>();
  for (const source of sources) {
    // A queue that was taken over has both kinds; the bridge's own, by which it is read, comes later.
    if (source.queue !== null && source.kind !== "log-stream") readers.set(source.queue, source);
  }
  return queues.map((queue) => {
    const [reader, count] = [readers.get(queue), countOf(queue)];
    return {
      queue,
      is_paused: count?.isPaused ?? null,
      counts: count?.counts ?? null,
      counted_at: count ? new Date(count.countedAtMs).toISOString() : null,
      lag_ms: reader?.lag_ms ?? null,
      // Nothing reads it before the start.
      state: reader?.state ?? "connecting",
      events_total: eventsOf(queue),
    };
  });
}
