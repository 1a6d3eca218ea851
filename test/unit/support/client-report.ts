import type { ClientReport } from "../../../src/protocol/admin.ts";

/** A client as the server tells of it. */
export function client(id: string, facts: Partial<ClientReport> = {}): ClientReport {
  return {
    client_id: id,
    connected_at: "2026-01-01T00:00:00.000Z",
    remote_address: "127.0.0.1",
    principal: null,
    is_admin: false,
    topics: ["*"],
    outbox: { messages: 0, bytes: 0 },
    lag_ms: 0,
    rtt_ms: null,
    last_seen_at: "2026-01-01T00:00:00.000Z",
    dropped: 0,
    conflated: 0,
    ...facts,
  };
}
