import type { ClientReport } from "../../../protocol/admin.ts";
import type { Sorting } from "../../parts/sort-header.tsx";

/** What the table can be sorted by. */
export const CLIENT_COLUMNS = [
  "client",
  "principal",
  "address",
  "since",
  "topics",
  "rtt",
  "outbox",
  "lag",
  "dropped",
  "conflated",
] as const;

export type ClientColumn = (typeof CLIENT_COLUMNS)[number];

export interface ClientQuery {
  /** Found in the id, the principal, the address or a topic, whatever the case; empty for all. */
  text: string;
  /** Only clients with messages waiting, or that lost some. */
  isBehindOnly: boolean;
  sorting: Sorting<ClientColumn>;
}

/** Most rows drawn: more are found by the filter, and a tab with thousands of them is slow. */
export const MAX_ROWS = 500;

const COLLATOR = new Intl.Collator("en", { numeric: true });

type Value = string | number | null;

/** Later values decide where earlier ones are equal. */
const VALUES: Readonly<Record<ClientColumn, (client: ClientReport) => readonly Value[]>> = {
  client: ({ client_id }) => [client_id],
  principal: ({ principal }) => [principal],
  address: ({ remote_address }) => [remote_address],
  since: ({ connected_at }) => [Date.parse(connected_at)],
  topics: ({ topics }) => [topics.length, topics[0] ?? null],
  rtt: ({ rtt_ms }) => [rtt_ms],
  outbox: ({ outbox }) => [outbox.messages, outbox.bytes],
  lag: ({ lag_ms }) => [lag_ms],
  dropped: ({ dropped }) => [dropped],
  conflated: ({ conflated }) => [conflated],
};

/** The rows to draw, in order, and how many there would be without their limit. */
export function clientRows(
  clients: Iterable<ClientReport>,
  { sorting, ...filter }: ClientQuery,
): { rows: ClientReport[]; matching: number } {
  const valuesOf = VALUES[sorting.column];
  const sign = sorting.direction === "ascending" ? 1 : -1;
  const found = [...clients]
    .filter((client) => matches(client, filter))
    .map((client) => ({ client, values: valuesOf(client) }));
  found.sort((one, other) => {
    for (const [index, value] of one.values.entries()) {
      const order = compare(value, other.values[index] ?? null, sign);
      if (order !== 0) return order;
    }
    // So that rows that are equal stay where they are from one update to the next.
    return COLLATOR.compare(one.client.client_id, other.client.client_id);
  });
  return { rows: found.slice(0, MAX_ROWS).map(({ client }) => client), matching: found.length };
}

/** Whether messages wait for the client, or it was not given all of them. */
export function isBehind({ outbox, dropped, conflated }: ClientReport): boolean {
  return outbox.messages > 0 || dropped > 0 || conflated > 0;
}

function matches(client: ClientReport, { text, isBehindOnly }: Omit<ClientQuery, "sorting">): boolean {
  if (isBehindOnly && !isBehind(client)) return false;
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return true;
  const { client_id: id, principal, remote_address: address, topics } = client;
  return [id, principal, address, ...topics].some((value) => value?.toLowerCase().includes(wanted));
}

/** What is not known comes last whichever way is sorted. */
function compare(one: Value, other: Value, sign: number): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  if (typeof one === "number" && typeof other === "number") return (one - other) * sign;
  return COLLATOR.compare(String(one), String(other)) * sign;
}
