import { expect, test } from "vitest";
import type { ClientQuery } from "../../src/dashboard/pages/clients/client-table.ts";
import { CLIENT_COLUMNS, clientRows, MAX_ROWS } from "../../src/dashboard/pages/clients/client-table.ts";
import type { ClientReport } from "../../src/protocol/admin.ts";
import { client } from "./support/client-report.ts";

const DOWN = { column: "client", direction: "descending" } as const;
const ALL: ClientQuery = { text: "", isBehindOnly: false, sorting: { column: "client", direction: "ascending" } };

function ids(clients: ClientReport[], query: Partial<ClientQuery>): string[] {
  return clientRows(clients, { ...ALL, ...query }).rows.map(({ client_id: id }) => id);
}

test("ids are sorted as people count", () => {
  expect(ids([client("tab-10"), client("tab-9"), client("a")], {})).toEqual(["a", "tab-9", "tab-10"]);
  expect(ids([client("tab-10"), client("tab-9")], { sorting: DOWN })).toEqual(["tab-10", "tab-9"]);
});

test("what is not known comes last whichever way is sorted", () => {
  const clients = [client("none"), client("slow", { rtt_ms: 90 }), client("fast", { rtt_ms: 2.5 })];
  expect(ids(clients, { sorting: { column: "rtt", direction: "ascending" } })).toEqual(["fast", "slow", "none"]);
  expect(ids(clients, { sorting: { column: "rtt", direction: "descending" } })).toEqual(["slow", "fast", "none"]);
});

test("outboxes of as many messages are sorted by their bytes, and equal clients by their ids", () => {
  const clients = [
    client("b", { outbox: { messages: 2, bytes: 10 } }),
    client("a", { outbox: { messages: 2, bytes: 10 } }),
    client("large", { outbox: { messages: 2, bytes: 99 } }),
    client("empty"),
  ];
  expect(ids(clients, { sorting: { column: "outbox", direction: "descending" } })).toEqual([
    "large",
    "a",
    "b",
    "empty",
  ]);
});

test("every column sorts", () => {
  const low = client("a", { principal: "ada", remote_address: "10.0.0.9", topics: [], rtt_ms: 1 });
  const high: ClientReport = {
    ...client("b", { principal: "bob", remote_address: "10.0.0.10", topics: ["*"], rtt_ms: 2, lag_ms: 1 }),
    connected_at: "2026-01-02T00:00:00.000Z",
    outbox: { messages: 1, bytes: 1 },
    dropped: 1,
    conflated: 1,
  };
  for (const column of CLIENT_COLUMNS) {
    const up = ids([high, low], { sorting: { column, direction: "ascending" } });
    const down = ids([low, high], { sorting: { column, direction: "descending" } });
    expect({ column, up, down }).toEqual({ column, up: ["a", "b"], down: ["b", "a"] });
  }
});

test("the text is looked for in id, principal, address and topics, whatever its case", () => {
  const clients = [
    client("Report-1"),
    client("b", { principal: "the reporter" }),
    client("c", { remote_address: "report.example" }),
    client("d", { topics: ["queue:emails", "job:reports:7"] }),
    client("e"),
  ];
  expect(ids(clients, { text: " REPORT " })).toEqual(["b", "c", "d", "Report-1"]);
});

test("those that are behind are those with a full outbox or with losses", () => {
  const clients = [
    client("fine"),
    client("waits", { outbox: { messages: 1, bytes: 80 } }),
    client("lost", { dropped: 1 }),
    client("left-out", { conflated: 3 }),
  ];
  expect(ids(clients, { isBehindOnly: true })).toEqual(["left-out", "lost", "waits"]);
  expect(ids(clients, { isBehindOnly: true, text: "wait" })).toEqual(["waits"]);
});

test("of ten thousand clients the first are drawn, and all are counted", () => {
  const clients = Array.from({ length: 10_000 }, (_, index) => client(`tab-${index}`));
  const { rows, matching } = clientRows(clients, { ...ALL, sorting: DOWN });
  expect([rows.length, matching, rows[0]?.client_id]).toEqual([MAX_ROWS, 10_000, "tab-9999"]);
});
