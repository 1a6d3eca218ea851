import type { Connection } from "../connections/connection.ts";
import type { ClientReport } from "../protocol/admin.ts";
import { maskTopic } from "../protocol/topic.ts";

/** A connection as administrators are shown it. */
export function reportClient(connection: Connection): ClientReport {
  const { outbox } = connection;
  return {
    client_id: connection.clientId,
    connected_at: new Date(connection.connectedAt).toISOString(),
    remote_address: connection.remoteAddress,
    principal: connection.principal?.id ?? null,
    is_admin: connection.isAdmin,
    topics: [...connection.topics].map(maskTopic),
    outbox: { messages: outbox.messages, bytes: outbox.bytes },
    lag_ms: connection.lagMs,
    rtt_ms: connection.rttMs,
    dropped: outbox.losses.dropped,
    conflated: outbox.losses.conflated,
    last_seen_at: new Date(connection.lastSeenAt).toISOString(),
  };
}
