import type { QueueSummary } from "../../protocol/queue-summary.ts";

/** Percentiles; null where nothing was measured. */
export interface Percentiles {
  p50: number | null;
  p99: number | null;
}

/** What went on in one interval. Rates are a number for each second. */
export interface StatsSample {
  /** Its end, ISO 8601. */
  at: string;
  interval_ms: number;
  in: number;
  out: number;
  dropped: number;
  conflated: number;
  /** Job events and log lines read from Redis. */
  events: number;
  connections: number;
  outbox: { messages: number; bytes: number };
  latency_ms: Percentiles;
  rtt_ms: Percentiles;
}

/** `GET /ws/stats/history`: oldest first. */
export interface StatsHistory {
  interval_ms: number;
  samples: StatsSample[];
}

export type HealthStatus = "healthy" | "degraded" | "unhealthy";

/** `GET /ws/health`. */
export interface Health {
  status: HealthStatus;
  checks: Record<string, { status: HealthStatus; reason?: string }>;
}

export type SourceState = QueueSummary["state"];

/** Where the bridge reads from: an event stream, a log channel, the logs of jobs. */
export interface SourceSummary {
  kind: string;
  queue: string | null;
  state: SourceState;
  lag_ms: number | null;
  malformed: number;
  gaps: number;
}

/** The content of a `stats` message. */
export interface StatsContent extends StatsSample {
  uptime_seconds: number;
  health: Health;
  sources: SourceSummary[];
  queues: QueueSummary[];
  /** Since the bridge was started. */
  totals: {
    connections: { current: number; peak: number; total: number };
    messages: { in: number; out: number; dropped: number; conflated: number };
  };
}
