import { Icon } from "./icon.tsx";

export interface Sorting<Column extends string> {
  column: Column;
  direction: "ascending" | "descending";
}

interface SortHeaderProps<Column extends string> {
  column: Column;
  label: string;
  sorting: Sorting<Column>;
  /** Numbers stand at the right. */
  isNumber?: boolean;
  onSort: (sorting: Sorting<Column>) => void;
}

/** The head of a column by which a table can be sorted: the first press sorts, the next turns round. */
export function SortHeader<Column extends string>(props: SortHeaderProps<Column>) {
  const { column, label, sorting, isNumber = false, onSort } = props;
  const current = sorting.column === column ? sorting.direction : "none";
  const next = current === "ascending" ? "descending" : "ascending";
  return (
    <th scope="col" aria-sort={current} class={isNumber ? "number" : ""}>
      <button class="sort" type="button" onClick={() => onSort({ column, direction: next })}>
        {label}
        {current !== "none" && <Icon name={current === "ascending" ? "up" : "down"} />}
      </button>
    </th>
  );
}
