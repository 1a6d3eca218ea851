import { expect, test } from "vitest";
import { ClientList } from "../../src/dashboard/pages/clients/client-list.ts";
import type { ClientReport } from "../../src/protocol/admin.ts";
import { client } from "./support/client-report.ts";

function shown(list: ClientList): string[] {
  return [...list.entries()].map(({ client_id: id, lag_ms: lag }) => (lag > 0 ? `${id} lags` : id)).sort();
}

/** A list whose topic is subscribed and whose answer is on its way. */
function asked(): ClientList {
  const list = new ClientList();
  list.begin();
  return list;
}

test("the answer is shown, and what is heard after it", () => {
  const list = asked();
  expect(list.isLoaded).toBe(false);
  list.load([client("a"), client("b")]);
  expect(list.isLoaded).toBe(true);
  list.connected(client("c"));
  list.connected(client("a", { lag_ms: 5 }));
  list.disconnected(client("b"));
  expect(shown(list)).toEqual(["a lags", "c"]);
});

test("what was heard before the answer came wins over it", () => {
  const list = asked();
  list.connected(client("new"));
  list.connected(client("a", { lag_ms: 5 }));
  list.disconnected(client("b"));
  expect(shown(list)).toEqual(["a lags", "new"]);
  list.load([client("a"), client("b"), client("c")]);
  expect(shown(list)).toEqual(["a lags", "c", "new"]);
});

test("a client that came and went before the answer is not shown, though the answer has it", () => {
  const list = asked();
  list.connected(client("a"));
  list.disconnected(client("a"));
  list.load([client("a")]);
  expect(shown(list)).toEqual([]);
});

test.each<[string, (list: ClientList, older: ClientReport, newer: ClientReport) => void]>([
  ["end of the old one first", (list, older, newer) => [list.disconnected(older), list.connected(newer)]],
  ["beginning of the new one first", (list, older, newer) => [list.connected(newer), list.disconnected(older)]],
])("a client id that is taken over stays in the list, %s", (_, happen) => {
  const older = client("a", { connected_at: "2026-01-01T00:00:00.000Z" });
  const newer = client("a", { connected_at: "2026-01-01T00:00:01.000Z" });
  for (const answer of [older, newer]) {
    const list = asked();
    happen(list, older, newer);
    list.load([answer]);
    expect([...list.entries()]).toEqual([newer]);
    happen(list, older, newer);
    expect([...list.entries()]).toEqual([newer]);
  }
});

test("an answer that knows a newer connection than was heard of is believed", () => {
  const list = asked();
  list.connected(client("a"));
  const newer = client("a", { connected_at: "2026-02-01T00:00:00.000Z" });
  list.load([newer]);
  expect([...list.entries()]).toEqual([newer]);
});

test("after the connection was lost the old list stays until the new answer, which replaces it", () => {
  const list = asked();
  list.load([client("a"), client("b")]);
  list.begin();
  list.connected(client("c"));
  expect({ isLoaded: list.isLoaded, shown: shown(list) }).toEqual({ isLoaded: false, shown: ["a", "b", "c"] });
  list.load([client("b")]);
  expect(shown(list)).toEqual(["b", "c"]);
});
