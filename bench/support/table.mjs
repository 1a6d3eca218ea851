import { formatNumber, median } from "./numbers.mjs";

/**
 * The medians of one case, a row for each subject. A column is `{key, title}`; with `spread` it says the least and the
 * most of all rounds too; with `ratio` it is followed by the first subject's figure divided by the row's.
 */
export function medianTable(bySubject, columns) {
  const rows = [...bySubject].map(([title, rounds]) => ({ title, ...mediansOf(rounds, columns) }));
  const header = ["", ...columns.flatMap(({ title, ratio }) => (ratio ? [title, "ratio"] : [title])), "verdict"];
  const lines = rows.map((row) => [
    row.title,
    ...columns.flatMap(({ key, ratio, spread }) => {
      const value = formatNumber(row[key]) + (spread ? spreadOf(bySubject.get(row.title), key) : "");
      const quotient = formatNumber(rows[0][key] / row[key]);
      return ratio ? [value, row === rows[0] || quotient === "-" ? "" : `${quotient}x`] : [value];
    }),
    row.problem ?? "all there",
  ]);
  return alignColumns([header, ...lines]);
}

/** Over the rounds that measured something; what was wrong in any of them is said. */
export function mediansOf(rounds, columns) {
  const medians = {};
  for (const { key } of columns) {
    const values = valuesOf(rounds, key);
    if (values.length > 0) medians[key] = median(values);
  }
  const problems = rounds.map(({ problem }) => problem).filter(Boolean);
  if (problems.length > 0) medians.problem = `NO (${problems.length} of ${rounds.length} rounds): ${problems[0]}`;
  return medians;
}

function valuesOf(rounds, key) {
  return rounds.map((figures) => figures[key]).filter(Number.isFinite);
}

function spreadOf(rounds, key) {
  const values = valuesOf(rounds, key);
  return values.length < 2 ? "" : ` (${formatNumber(Math.min(...values))}-${formatNumber(Math.max(...values))})`;
}

function alignColumns(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const last = rows[0].length - 1;
  const align = (text, column) =>
    column === 0 ? text.padEnd(widths[0]) : column === last ? text : text.padStart(widths[column]);
  return rows.map((row) => row.map(align).join("  ").trimEnd()).join("\n");
}
