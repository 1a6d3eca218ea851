import { expect, test } from "vitest";
import type { MessageOf } from "../../src/client/index.ts";
import { JobLog } from "../../src/dashboard/pages/job/job-log.ts";
import type { LogLine } from "../../src/dashboard/pages/job/log-line.ts";
import { formatLine, lineOfMessage, lineOfSnapshot } from "../../src/dashboard/pages/job/log-line.ts";
import { LogRows, markMatches, readLogFilter, writeLogFilter } from "../../src/dashboard/pages/job/log-rows.ts";
import { wrapText } from "../../src/dashboard/pages/job/wrap-text.ts";
import { at, tell } from "./messages.ts";

const lineOf = (text: string, level: string | null = null): LogLine => ({ text, level, loggedAt: null });

function logOf(...lines: LogLine[]): JobLog {
  const log = new JobLog();
  log.replace(lines, 0);
  return log;
}

const logsMessage = (content: string | null, meta: object) =>
  tell("logs", "1", { content, level: null, logged_at: null, ...meta }) as MessageOf<"logs">;

test("lines come without what terminals make colours of, with the other fields of the call", () => {
  const message = logsMessage("\u001b[31mred\u001b[0m\tend", { level: "warn", logged_at: at(1), data: { row: 4 } });
  expect(lineOfMessage(message)).toEqual({ text: 'red    end {"row":4}', level: "warn", loggedAt: at(1) });
  expect(lineOfSnapshot({ line: 0, level: null, content: "a\r\nb", timestamp: null }).text).toBe("a\nb");
  expect(lineOfMessage(logsMessage(null, { dropped: 3 }))).toMatchObject({ missing: 3 });
  expect(lineOfMessage(logsMessage(null, { omitted_bytes: 9 }))).toMatchObject({ omittedBytes: 9 });
});

test("a line stands in a file with its time and level where it has them", () => {
  expect(formatLine({ text: "x", level: "warn", loggedAt: at(0) }, ({ text }) => text)).toBe(`${at(0)} WARN x`);
  expect(formatLine(lineOf("x"), ({ text }) => text)).toBe("x");
});

test("the log is bounded in lines and in characters, and says how many are gone", () => {
  const log = new JobLog({ maxLines: 1000 });
  for (let line = 0; line < 1500; line += 1) log.add(lineOf(`line ${line}`));
  expect(log.lines.length).toBe(1000);
  expect([log.lines[0]?.text, log.lost]).toEqual(["line 500", 500]);
  const large = new JobLog();
  for (let line = 0; line < 20; line += 1) large.add(lineOf("x".repeat(1_000_000)));
  expect(large.lines.length).toBe(8);
  expect(large.lost).toBe(12);
  log.replace([], null);
  log.add(lineOf("first"));
  expect([log.lines.length, log.lost]).toEqual([1, null]);
});

test("a level lets through what is as serious, whatever its name, and a search what has it", () => {
  const log = logOf(
    lineOf("stock"),
    lineOf("a note", "info"),
    lineOf("Careful", "warning"),
    lineOf("gone", "critical"),
    {
      ...lineOf(""),
      missing: 2,
    },
  );
  const rows = new LogRows(log);
  const shown = () => rows.lines.map(({ text, missing }) => text || `-${missing}`);
  expect(shown()).toEqual(["stock", "a note", "Careful", "gone", "-2"]);
  rows.set({ level: "warn", search: "" }, 80);
  expect(shown()).toEqual(["Careful", "gone", "-2"]);
  rows.set({ level: null, search: "CARE" }, 80);
  expect(shown()).toEqual(["Careful", "-2"]);
  log.add(lineOf("take care"));
  log.add(lineOf("other"));
  expect(shown()).toEqual(["Careful", "-2", "take care"]);
});

test("rows follow the log as lines are let go and it begins anew", () => {
  const log = new JobLog({ maxLines: 2 });
  const rows = new LogRows(log);
  for (let line = 0; line < 502; line += 1) log.add(lineOf(`${line}`));
  expect(rows.lines.map(({ text }) => text)).toEqual(["500", "501"]);
  log.replace([lineOf("anew")], 0);
  expect(rows.rows.length).toBe(1);
});

test("a filter survives its way through an address", () => {
  const filter = { level: "error" as const, search: "a & b" };
  expect(readLogFilter(writeLogFilter(filter))).toEqual(filter);
  expect(readLogFilter(new URLSearchParams("level=loud"))).toEqual({ level: null, search: "" });
});

test("long lines are cut into rows as a terminal does, wide characters counted twice, none of them halved", () => {
  const cut = (text: string, columns: number) =>
    wrapText(text, columns).map(({ start, end }) => text.slice(start, end));
  expect(cut("", 4)).toEqual([""]);
  expect(cut("abcd", 4)).toEqual(["abcd"]);
  expect(cut("abcdefghi", 4)).toEqual(["abcd", "efgh", "i"]);
  expect(cut("ab\n\ncdefg", 4)).toEqual(["ab", "", "cdef", "g"]);
  expect(cut("日本語x", 4)).toEqual(["日本", "語x"]);
  expect(cut("ab😀cd", 3)).toEqual(["ab", "😀c", "d"]);
  expect(cut("é😀", 1)).toEqual(["é", "😀"]);
});

test("what was searched for is marked, also where a row ends in the middle of it", () => {
  const line = lineOf("one Two three TWO");
  const marked = (start: number, end: number, search: string) =>
    markMatches({ line, start, end }, search)
      .map(({ text, isMatch }) => (isMatch ? `[${text}]` : text))
      .join("");
  expect(marked(0, 17, "two")).toBe("one [Two] three [TWO]");
  expect(marked(0, 5, "two")).toBe("one [T]");
  expect(marked(5, 17, "two")).toBe("[wo] three [TWO]");
  expect(marked(0, 17, "")).toBe("one Two three TWO");
  expect(marked(8, 13, "two")).toBe("three");
});
