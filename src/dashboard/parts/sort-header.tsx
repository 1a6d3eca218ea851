import { Icon } from "./icon.tsx";

export interface Sorting<Column extends string> {
  column: Column;
  direction: "ascending" | "descending";
}

interface SortHeaderProps<Column extends string> {
  column: Column;
  label: string;
  /** What the column shows, where its label says too little. */
  hint?: string | undefined;
  sorting: Sorting<Column>;
  /** Numbers stand at the right. */
  isNumber?: boolean;
  onSort: (sorting: Sorting<Column>) => void;
}

/** The head of a column by which a table can be sorted: the first press sorts, numbers by the largest; the next turns round. */
export function SortHeader<Column extends string>(props: SortHeaderProps<Column>) {
  const { column, label, hint, sorting, isNumber = false, onSort } = props;
  const current = sorting.column === column ? sorting.direction : "none";
  const [first, second] = isNumber ? (["descending", "ascending"] as const) : (["ascending", "descending"] as const);
  return (
    <th scope="col" aria-sort={current} class={isNumber ? "number" : ""} {...(hint !== undefined && { title: hint })}>
      <button
        class="sort"
        type="button"
        onClick={() => onSort({ column, direction: current === first ? second : first })}
      >
        {label}
        {current !== "none" && <Icon name={current === "ascending" ? "up" : "down"} />}
      </button>
    </th>
  );
}
