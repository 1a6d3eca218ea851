import type { JobLog } from "./job-log.ts";
import type { LogLevel, LogLine } from "./log-line.ts";
import { LOG_LEVELS, rankOf } from "./log-line.ts";
import type { TextRow } from "./wrap-text.ts";
import { wrapText } from "./wrap-text.ts";

/** Which lines of a log are shown. */
export interface LogFilter {
  /** The least level; null lets lines without a level pass, too. */
  level: LogLevel | null;
  /** Part of the line, whatever its case. */
  search: string;
}

/** One row of the log as it is drawn: a line, or a part of one that is too long. */
export interface LogRow extends TextRow {
  line: LogLine;
}

/** Reads a filter from the query of an address; what it cannot use it leaves out. */
export function readLogFilter(query: URLSearchParams): LogFilter {
  const level = LOG_LEVELS.find((name) => name === query.get("level")) ?? null;
  return { level, search: query.get("search") ?? "" };
}

/** Writes it there. */
export function writeLogFilter({ level, search }: LogFilter): URLSearchParams {
  const query = new URLSearchParams();
  if (level !== null) query.set("level", level);
  if (search !== "") query.set("search", search);
  return query;
}

/** The rows of a log for one filter and width. Lines that are added to the log cost no more than themselves. */
export class LogRows {
  readonly #log: JobLog;
  #filter: LogFilter = { level: null, search: "" };
  #columns = 80;
  #generation = -1;
  #read = 0;
  #rows: LogRow[] = [];
  #lines: LogLine[] = [];

  constructor(log: JobLog) {
    this.#log = log;
  }

  /** All rows, oldest first; up to date with the log. */
  get rows(): readonly LogRow[] {
    this.#update();
    return this.#rows;
  }

  /** The lines they are of. */
  get lines(): readonly LogLine[] {
    this.#update();
    return this.#lines;
  }

  /** Sets what is shown, and how many characters go into a row. */
  set(filter: LogFilter, columns: number): void {
    const isSame =
      filter.level === this.#filter.level && filter.search === this.#filter.search && columns === this.#columns;
    if (isSame) return;
    this.#filter = filter;
    this.#columns = columns;
    this.#generation = -1;
  }

  #update(): void {
    const { lines, generation } = this.#log;
    if (generation !== this.#generation) {
      this.#generation = generation;
      this.#read = 0;
      this.#rows = [];
      this.#lines = [];
    }
    const level = this.#filter.level === null ? null : rankOf(this.#filter.level);
    const search = this.#filter.search.toLowerCase();
    for (; this.#read < lines.length; this.#read += 1) {
      const line = lines[this.#read];
      if (!line || !passes(line, level, search)) continue;
      this.#lines.push(line);
      for (const row of wrapText(line.text, this.#columns)) this.#rows.push({ line, ...row });
    }
  }
}

/** A mark of missing lines passes: they might be what is looked for. */
function passes(line: LogLine, level: number | null, search: string): boolean {
  if (line.missing !== undefined || line.omittedBytes !== undefined) return true;
  if (level !== null && (rankOf(line.level) ?? -1) < level) return false;
  return search === "" || line.text.toLowerCase().includes(search);
}

/** A row in pieces, so that what was searched for can be marked, be it only a part of it that stands here. */
export function markMatches({ line, start, end }: LogRow, search: string): { text: string; isMatch: boolean }[] {
  const wanted = search.toLowerCase();
  const reach = wanted.length - 1;
  const from = Math.max(0, start - reach);
  const text = line.text.slice(from, end + reach);
  const lowered = text.toLowerCase();
  // Some letters have another length in lower case: then nothing can be pointed at.
  if (wanted === "" || lowered.length !== text.length) return [{ text: line.text.slice(start, end), isMatch: false }];
  const pieces: { text: string; isMatch: boolean }[] = [];
  let done = start;
  const push = (to: number, isMatch: boolean) => {
    if (to > done) pieces.push({ text: line.text.slice(done, to), isMatch });
    done = Math.max(done, to);
  };
  for (let at = lowered.indexOf(wanted); at >= 0; at = lowered.indexOf(wanted, at + wanted.length)) {
    push(Math.min(end, from + at), false);
    push(Math.min(end, from + at + wanted.length), true);
  }
  push(end, false);
  return pieces;
}
