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

/** Where the bridge reads from: an event stream, a log channel, the logs of jobs. */
export interface SourceSummary {
  kind: string;
  queue: string | null;
  state: "connecting" | "reading" | "reconnecting" | "taken_over" | "closed";
  lag_ms: number | null;
  malformed: number;
  gaps: number;
}

/** States in which BullMQ counts jobs. */
export const COUNTED_STATES = [
  "waiting",
  "active",
  "delayed",
  "prioritized",
  "waiting-children",
  "paused",
  "completed",
  "failed",
] as const;

export type CountedState = (typeof COUNTED_STATES)[number];

/** One entry of `GET /ws/queues`. */
export interface QueueSummary {
  queue: string;
  is_paused: boolean | null;
  /** Null while they cannot be read. */
  counts: Record<CountedState, number> | null;
  counted_at: string | null;
  lag_ms: number | null;
  state: SourceSummary["state"];
  /** Grows; the difference of two is the throughput. */
  events_total: number;
}

/** The content of a `stats` message. */
export interface StatsContent extends StatsSample {
  uptime_seconds: number;
  health: Health;
  sources: SourceSummary[];
  queues: QueueSummary[];
}
