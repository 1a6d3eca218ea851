import { z } from "zod";
import { describeGiven } from "../input-issue.ts";
import type { HtmlValue, SafeHtml } from "./html.ts";
import { html } from "./html.ts";
import type { Rows } from "./read-rows.ts";
import { isReadOnce, readRows } from "./read-rows.ts";
import { parseOptions } from "./widget-options.ts";

/** One column: its heading, and what it shows of a row: the field of that name, or what a function answers. */
export interface TableColumn<Row> {
  title: string;
  value: (keyof Row & string) | ((row: Row) => unknown);
}

export interface TableWidgetOptions<Row> {
  /** The table's caption. */
  title: string;
  /**
   * The rows, or a function that fetches them; at most one row more than `maxRows` is read, and what can be read but
   * once is for a function to answer. TypeScript learns from it what a row is, where the function's parameter, if it
   * has one, is given its type.
   */
  rows: Rows<Row> | ((signal: AbortSignal) => Rows<Row> | Promise<Rows<Row>>);
  columns: readonly TableColumn<NoInfer<Row>>[];
  /** Rows shown; that there are more is said below the table. 1 to 10,000. Default 100. */
  maxRows?: number | undefined;
  /** What is shown where there are no rows. Default "Nothing to show." */
  empty?: string | undefined;
}

type TableSettings<Row> = TableWidgetOptions<Row> & { maxRows: number; empty: string };

function isRows(value: unknown): boolean {
  if (typeof value === "function") return true;
  if (typeof value !== "object" || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}

const MAX_ROWS = { error: "a whole number of rows from 1 to 10000" };
const COLUMNS = { error: "an array of at least one column" };

const optionsSchema = z.strictObject(
  {
    title: z.string({ error: "a text" }).min(1, { error: "a text that is not empty" }),
    columns: z
      .array(
        z.strictObject({
          title: z.string({ error: "a text" }),
          value: z.custom(
            (value) => typeof value === "string" || typeof value === "function",
            "the name of a field or a function of a row",
          ),
        }),
        COLUMNS,
      )
      .min(1, COLUMNS),
    rows: z
      .custom(isRows, "an iterable, an async iterable or a function that answers one")
      .refine((rows) => !isReadOnce(rows), "a function that answers it, as this iterable can be read but once"),
    maxRows: z.int(MAX_ROWS).min(1, MAX_ROWS).max(10_000, MAX_ROWS).default(100),
    empty: z.string({ error: "a text" }).default("Nothing to show."),
  },
  { error: "an object of options" },
);

/** A subwidget that shows rows as a table. */
export class TableWidget<Row> {
  readonly #settings: TableSettings<Row>;

  /** @throws {InvalidSettingsError} listing every option that cannot be used. */
  constructor(options: TableWidgetOptions<Row>) {
    this.#settings = parseOptions(optionsSchema, options, "options") as TableSettings<Row>;
  }

  async render(signal: AbortSignal): Promise<SafeHtml> {
    const { title, columns, rows: given, maxRows, empty } = this.#settings;
    const found = typeof given === "function" ? await given(signal) : given;
    if (typeof found === "function" || !isRows(found)) throw notRows(title, found);
    const read = await readRows(found, maxRows + 1, signal);
    const rows = read.slice(0, maxRows);
    const isCut = read.length > maxRows;
    const cells = (row: Row) => columns.map(({ value }) => html`<td>${shown(row, value)}</td>`);
    const body =
      rows.length > 0
        ? rows.map((row) => html`<tr>${cells(row)}</tr>`)
        : html`<tr><td colspan="${columns.length}">${empty}</td></tr>`;
    // Whoever has no mouse scrolls a wide table with the arrow keys, so it takes the focus.
    return html`<div class="bullcast-table" role="region" aria-label="${title}" tabindex="0"><table><caption>${title}</caption><thead><tr>${columns.map((column) => html`<th scope="col">${column.title}</th>`)}</tr></thead><tbody>${body}</tbody></table>${isCut && html`<p>Only the first ${maxRows} rows are shown.</p>`}</div>`;
  }
}

function notRows(title: string, found: unknown): TypeError {
  return new TypeError(
    `rows of table "${title}": expected an iterable or an async iterable, given ${describeGiven(found)}`,
  );
}

/** What a cell shows: in a table a boolean is a fact, not a condition. */
function shown<Row>(row: Row, value: TableColumn<Row>["value"]): HtmlValue {
  const cell = typeof value === "function" ? value(row) : row[value];
  if (typeof cell === "boolean") return String(cell);
  return cell instanceof Date ? cell.toISOString() : (cell as HtmlValue);
}
