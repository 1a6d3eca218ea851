import type { ConnectionManager } from "../connections/connection-manager.ts";
import { maskTopic } from "../protocol/topic.ts";
import type { SourceStatus } from "../sources/fact.ts";
import type { Clients, Stats } from "./schemas.ts";

/** What `GET /ws/stats` answers. */
export function reportStats(manager: ConnectionManager, sources: SourceStatus[]): Stats {
  const { statistics } = manager;
  const outbox = { messages: 0, bytes: 0 };
  for (const connection of manager.connections) {
    outbox.messages += connection.outbox.messages;
    outbox.bytes += connection.outbox.bytes;
  }
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

/** What `GET /ws/clients` answers. */
export function reportClients(manager: ConnectionManager): Clients {
  const clients = [...manager.connections].map((connection) => ({
    client_id: connection.clientId,
    connected_at: new Date(connection.connectedAt).toISOString(),
    remote_address: connection.remoteAddress,
    principal: connection.principal?.id ?? null,
    topics: [...connection.topics].map(maskTopic),
    outbox: { messages: connection.outbox.messages, bytes: connection.outbox.bytes },
    lag_ms: connection.lagMs,
    rtt_ms: connection.rttMs,
    last_seen_at: new Date(connection.lastSeenAt).toISOString(),
  }));
  return { total: clients.length, clients };
}
