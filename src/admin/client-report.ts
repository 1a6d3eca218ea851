import type { Connection } from "../connections/connection.ts";
import type { ClientReport } from "../protocol/admin.ts";
import { maskTopic } from "../protocol/topic.ts";

/** What waits for a connection, and how long its oldest message has; nothing while the socket takes more, as then it is gone in a moment. */
export function backlogOf(connection: Connection): { messages: number; bytes: number; lagMs: number } {
  if (!connection.isFull) return { messages: 0, bytes: 0, lagMs: 0 };
  const { outbox, lagMs } = connection;
  return { messages: outbox.messages, bytes: outbox.bytes, lagMs };
}

/** A connection as administrators are shown it. */
export function reportClient(connection: Connection): ClientReport {
  const { messages, bytes, lagMs } = backlogOf(connection);
  const { dropped, conflated } = connection.outbox.losses;
  return {
    client_id: connection.clientId,
    connected_at: new Date(connection.connectedAt).toISOString(),
    remote_address: connection.remoteAddress,
    principal: connection.principal?.id ?? null,
    is_admin: connection.isAdmin,
    topics: [...connection.topics].map(maskTopic),
    outbox: { messages, bytes },
    lag_ms: lagMs,
    rtt_ms: connection.rttMs,
    dropped,
    conflated,
    last_seen_at: new Date(connection.lastSeenAt).toISOString(),
  };
}
