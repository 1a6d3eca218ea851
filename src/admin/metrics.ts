import type { Statistics } from "../connections/statistics.ts";
import type { Health, HealthStatus, Stats } from "../protocol/admin.ts";
import { isProtocolType } from "../protocol/message.ts";
import type { QueueSummary } from "../protocol/queue-summary.ts";
import type { SourceStatus } from "../protocol/source-status.ts";
import type { Labelled } from "./metrics-page.ts";
import { MetricsPage } from "./metrics-page.ts";

/** What the metrics are read from: what the other routes answer, so that they cannot disagree. */
export interface MetricsOrigin {
  version: string;
  statistics: Statistics;
  stats: Stats;
  health: Health;
  /** Those that are listed; each is a label. */
  queues: readonly QueueSummary[];
}

const HEALTH_STATUSES: readonly HealthStatus[] = ["healthy", "degraded", "unhealthy"];

/** Writes down how the bridge stands, for Prometheus: names begin with `bullcast_`, units are seconds and bytes. */
export function writeMetrics({ version, statistics, stats, health, queues }: MetricsOrigin): MetricsPage {
  const page = new MetricsPage();
  page.gauge("bullcast_build_info", "Always 1; which version this is.", [[{ version }, 1]]);
  page.gauge(
    "bullcast_health_status",
    "1 for the status that GET /health answers, 0 for the others.",
    HEALTH_STATUSES.map((status) => [{ status }, status === health.status ? 1 : 0]),
  );
  writeConnections(page, statistics, stats);
  writeMessages(page, statistics, stats);
  writeSources(page, stats.sources);
  writeQueues(page, queues);
  return page;
}

function writeConnections(page: MetricsPage, { rttMs }: Statistics, { connections, heartbeat }: Stats): void {
  page.gauge("bullcast_connections", "Open connections.", connections.current);
  page.counter("bullcast_connections_opened_total", "Connections opened.", connections.total);
  page.counter("bullcast_heartbeat_pings_total", "JSON pings sent.", heartbeat.pings);
  page.counter("bullcast_heartbeat_pongs_total", "JSON pings answered.", heartbeat.pongs);
  page.counter("bullcast_heartbeat_timeouts_total", "Connections cut for silence.", heartbeat.timeouts);
  page.histogram("bullcast_round_trip_seconds", "Round trips of JSON pings.", rttMs.distribution);
}

function writeMessages(page: MetricsPage, { events, latencyMs }: Statistics, { messages, outbox }: Stats): void {
  page.counter("bullcast_events_read_total", "Job events and log lines read from Redis.", events);
  page.counter("bullcast_messages_received_total", "Messages received from clients.", messages.in);
  page.counter(
    "bullcast_messages_sent_total",
    "Messages handed to connections, by type.",
    byKnownType(messages.by_type),
  );
  page.counter("bullcast_messages_dropped_total", "Messages lost to slow consumers.", messages.dropped);
  page.counter(
    "bullcast_messages_conflated_total",
    "Progress messages left out as newer ones of their jobs were waiting.",
    messages.conflated,
  );
  page.gauge("bullcast_outbox_messages", "Messages waiting in all outboxes together.", outbox.messages);
  page.gauge("bullcast_outbox_bytes", "Bytes waiting in all outboxes together.", outbox.bytes);
  page.histogram(
    "bullcast_event_latency_seconds",
    "From Redis' timestamp of a fact to its message handed to the connections.",
    latencyMs.distribution,
  );
}

function writeSources(page: MetricsPage, sources: readonly SourceStatus[]): void {
  const of = (value: (source: SourceStatus) => number | null): Labelled =>
    sources.flatMap((source): Labelled => {
      const figure = value(source);
      return figure === null ? [] : [[{ kind: source.kind, queue: source.queue ?? "" }, figure]];
    });
  page.gauge(
    "bullcast_source_reading",
    "1 for a source that reads, 0 for one that does not.",
    of(({ state }) => (state === "reading" ? 1 : 0)),
  );
  page.gauge(
    "bullcast_source_lag_seconds",
    "Age of the newest entry when it was handed on.",
    of(({ lag_ms }) => (lag_ms === null ? null : lag_ms / 1000)),
  );
  page.counter(
    "bullcast_source_malformed_total",
    "Entries that could not be read.",
    of(({ malformed }) => malformed),
  );
  page.counter(
    "bullcast_source_gaps_total",
    "Times history was found missing.",
    of(({ gaps }) => gaps),
  );
}

function writeQueues(page: MetricsPage, queues: readonly QueueSummary[]): void {
  page.gauge(
    "bullcast_queue_jobs",
    "Jobs of a queue, by state, as last counted.",
    queues.flatMap(({ queue, counts }) =>
      Object.entries(counts ?? {}).map(([state, count]): Labelled[number] => [{ queue, state }, count]),
    ),
  );
  page.gauge(
    "bullcast_queue_paused",
    "1 for a queue that is paused, 0 for one that is not.",
    queues.flatMap(({ queue, is_paused }): Labelled => (is_paused === null ? [] : [[{ queue }, is_paused ? 1 : 0]])),
  );
}

/** Types of the application's own are any number, so they are one: `custom`. */
function byKnownType(byType: Readonly<Record<string, number>>): Labelled {
  const known: Labelled = [];
  let custom = 0;
  for (const [type, count] of Object.entries(byType)) {
    if (isProtocolType(type)) known.push([{ type }, count]);
    else custom += count;
  }
  return [...known, [{ type: "custom" }, custom]];
}
