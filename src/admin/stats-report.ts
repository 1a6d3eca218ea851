import type { OutboxSize } from "../connections/outbox.ts";
import type { Statistics } from "../connections/statistics.ts";
import type { Stats } from "../protocol/admin.ts";
import type { SourceStatus } from "../protocol/source-status.ts";

/** What `GET /ws/stats` answers. */
export function reportStats(statistics: Statistics, outbox: OutboxSize, sources: SourceStatus[]): Stats {
  return {
    uptime_seconds: (Date.now() - statistics.startedAt) / 1000,
    connections: { ...statistics.connections },
    messages: { ...statistics.messages, by_type: statistics.byType },
    outbox,
    heartbeat: { ...statistics.heartbeat, rtt_ms: statistics.rttMs.percentiles() },
    sources,
    latency_ms: statistics.latencyMs.percentiles(),
  };
}
