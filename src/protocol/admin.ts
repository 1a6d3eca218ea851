import type { QueueSummary } from "./queue-summary.ts";
import type { SourceStatus } from "./source-status.ts";

// What the topics `stats` and `clients` carry, and the routes beside them answer, as `docs/PROTOCOL.md` says.

/** Of some samples the 50th and the 99th percentile; null without samples. */
export interface Percentiles {
  p50: number | null;
  p99: number | null;
}

/** Messages that wait, and their bytes. */
export interface OutboxReport {
  messages: number;
  bytes: number;
}

/** What the bridge did in one interval. Rates are per second. */
export interface StatsSample {
  /** End of the interval, ISO 8601. */
  at: string;
  /** Its length. */
  interval_ms: number;
  /** Messages received from clients. */
  in: number;
  /** Messages handed to connections: one for each that got it. */
  out: number;
  /** Messages lost to slow consumers. */
  dropped: number;
  /** Progress messages left out as newer ones of their jobs were waiting. */
  conflated: number;
  /** Job events and log lines read from Redis. */
  events: number;
  /** Open connections at its end. */
  connections: number;
  /** What waited in all outboxes together at its end. */
  outbox: OutboxReport;
  /** From Redis' timestamp of a fact to its message handed to the connections, of this interval. */
  latency_ms: Percentiles;
  /** Round trips of the newest JSON pings that were answered. */
  rtt_ms: Percentiles;
}

/** What `GET /ws/stats/history` answers: the newest samples, oldest first. */
export interface StatsHistory {
  interval_ms: number;
  samples: StatsSample[];
}

export type HealthStatus = "healthy" | "degraded" | "unhealthy";

/** What `GET /ws/health` answers: whether the bridge does its work, part by part. */
export interface Health {
  status: HealthStatus;
  checks: Record<string, { status: HealthStatus; reason?: string | undefined }>;
}

/** What `GET /ws/stats` answers: counters since the start, and how things stand now. */
export interface Stats {
  uptime_seconds: number;
  connections: { current: number; peak: number; total: number };
  messages: { in: number; out: number; dropped: number; conflated: number; by_type: Record<string, number> };
  outbox: OutboxReport;
  heartbeat: { pings: number; pongs: number; timeouts: number; rtt_ms: Percentiles };
  sources: SourceStatus[];
  latency_ms: Percentiles;
}

/** Content of a `stats` message: the newest sample, and how the parts of the bridge stand. */
export interface StatsContent extends StatsSample {
  uptime_seconds: number;
  /** Counters since the start. */
  totals: Pick<Stats, "connections" | "messages" | "heartbeat">;
  health: Health;
  /** The first 1,500. */
  sources: SourceStatus[];
  /** The first 500; `GET /ws/queues` has all. */
  queues: QueueSummary[];
  queues_total: number;
}

/** What `GET /ws/about` answers to whoever may use the other routes. */
export interface About {
  version: string;
  /** Whether nothing can be sent and nobody disconnected over REST. */
  read_only: boolean;
  /** Whether everybody is served who can reach the port. */
  insecure: boolean;
  /** Whether there is an admin token. */
  needs_token: boolean;
  base_path: string;
  /** BullMQ's key prefix. */
  prefix: string;
}

/** A connection as `GET /ws/clients`, `client_connected` and `client_updated` show it. */
export interface ClientReport {
  client_id: string;
  connected_at: string;
  remote_address: string | null;
  principal: string | null;
  is_admin: boolean;
  topics: string[];
  outbox: OutboxReport;
  /** Age of the oldest message in its outbox. */
  lag_ms: number;
  rtt_ms: number | null;
  /** Lines of logs dropped for it, as it did not keep up. */
  dropped: number;
  /** Progress messages left out for it, as newer ones of their jobs were waiting. */
  conflated: number;
  last_seen_at: string;
}

/** Content of `client_disconnected`. */
export interface ClientGone {
  client_id: string;
  /** Tells connections of one client id apart. */
  connected_at: string;
  /** The close code; null when the socket closed without one of the server's. */
  code: number | null;
  reason: string;
}
