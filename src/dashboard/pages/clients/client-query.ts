import { computed } from "@preact/signals";
import type { Sorting } from "../../parts/sort-header.tsx";
import { query } from "../../router.ts";
import type { ClientColumn, ClientQuery } from "./client-table.ts";
import { CLIENT_COLUMNS } from "./client-table.ts";

/** Newest first: whoever has just come is the one looked for. */
const DEFAULT_SORTING: Sorting<ClientColumn> = { column: "since", direction: "descending" };

/** What of the clients is shown and how, as the address says. */
export const clientQuery = computed<ClientQuery>(() => {
  const column = CLIENT_COLUMNS.find((name) => name === query.value.get("sort"));
  const direction = query.value.get("order") === "descending" ? "descending" : "ascending";
  return {
    text: query.value.get("q") ?? "",
    isBehindOnly: query.value.get("behind") === "1",
    sorting: column ? { column, direction } : DEFAULT_SORTING,
  };
});

/** What the address says of a sorting; nothing of the one that it begins with. */
export function sortingQuery({ column, direction }: Sorting<ClientColumn>): Record<"sort" | "order", string | null> {
  const isDefault = column === DEFAULT_SORTING.column && direction === DEFAULT_SORTING.direction;
  return { sort: isDefault ? null : column, order: isDefault ? null : direction };
}
