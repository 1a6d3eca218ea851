import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { formatBytes, formatCount } from "../../format.ts";
import { Button } from "../../parts/button.tsx";
import { windowOf } from "../../row-window.ts";
import { TEXTS } from "../../texts.ts";
import { useFrame } from "../../use-frame.ts";
import type { JobLog } from "./job-log.ts";
import type { LogLine } from "./log-line.ts";
import { rankOf } from "./log-line.ts";
import type { LogFilter, LogRow, LogRows } from "./log-rows.ts";
import { markMatches } from "./log-rows.ts";

const { log: texts } = TEXTS.job;

/** Height of a row, and the space around all of them, in pixels, as the stylesheet has them. */
const ROW_HEIGHT = 20;
const PADDING = 12;
/** Characters that a time and a level take, with the space after them. */
const TIME_COLUMNS = 13;
const LEVEL_COLUMNS = 6;
/** Narrower panes, in characters, leave the times out. */
const MIN_COLUMNS_FOR_TIMES = 60;

interface LogPaneProps {
  log: JobLog;
  rows: LogRows;
  filter: LogFilter;
  isFollowing: boolean;
  onFollow: (isFollowing: boolean) => void;
  emptyText: string;
}

/** The lines themselves: of however many rows only those in sight are drawn. */
export function LogPane({ log, rows, filter, isFollowing, onFollow, emptyText }: LogPaneProps) {
  const frame = useFrame();
  const pane = useRef<HTMLDivElement>(null);
  const size = useSize(pane);
  const hasTimes = log.hasTimes && size.columns >= MIN_COLUMNS_FOR_TIMES;
  const gutter = (hasTimes ? TIME_COLUMNS : 0) + (log.hasLevels ? LEVEL_COLUMNS : 0);
  rows.set(filter, size.columns - gutter);
  const shown = rows.rows;
  const seen = useSeen(log, rows.lines.length, `${filter.level} ${filter.search}`, isFollowing);
  const scrollTop = isFollowing ? Number.MAX_SAFE_INTEGER : placeOf(pane.current, shown, seen.anchor);
  const end = Math.max(0, shown.length * ROW_HEIGHT - size.height);
  const { first, end: last } = windowOf(Math.min(scrollTop, end), size.height, ROW_HEIGHT, shown.length);

  useLayoutEffect(() => {
    const { current } = pane;
    if (!current) return;
    if (isFollowing) current.scrollTop = current.scrollHeight;
    else if (Math.abs(current.scrollTop - scrollTop) >= 1) current.scrollTop = scrollTop;
    seen.anchor = anchorOf(current, shown);
  });

  const note = () => {
    const { current } = pane;
    if (!current) return;
    const isAtEnd = current.scrollHeight - current.scrollTop - current.clientHeight < ROW_HEIGHT / 2;
    seen.anchor = anchorOf(current, shown);
    if (isAtEnd !== isFollowing) onFollow(isAtEnd);
    frame.ask();
  };
  return (
    <>
      {log.lost !== 0 && <p class="log-lost">{texts.lost(log.lost === null ? null : formatCount(log.lost))}</p>}
      <div class="log-frame">
        {/* Whoever has no mouse scrolls it with the arrow keys. */}
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
        <section class="log-pane" aria-label={texts.lines} tabIndex={0} ref={pane} onScroll={note}>
          <div class="log-rows" style={{ height: `${shown.length * ROW_HEIGHT}px` }}>
            {shown.slice(first, last).map((row, offset) => (
              <Row
                key={first + offset}
                row={row}
                top={(first + offset) * ROW_HEIGHT}
                search={filter.search}
                hasTime={hasTimes}
                hasLevel={log.hasLevels}
              />
            ))}
          </div>
          {shown.length === 0 && <p class="log-empty">{log.lines.length === 0 ? emptyText : texts.noMatch}</p>}
        </section>
        {seen.fresh > 0 && (
          <div class="log-fresh">
            <Button icon="down" onClick={() => onFollow(true)}>
              {texts.newLines(seen.fresh)}
            </Button>
          </div>
        )}
      </div>
      <p class="log-foot">{texts.count(formatCount(rows.lines.length), formatCount(log.lines.length))}</p>
    </>
  );
}

interface RowProps {
  row: LogRow;
  top: number;
  search: string;
  hasTime: boolean;
  hasLevel: boolean;
}

function Row({ row, top, search, hasTime, hasLevel }: RowProps) {
  const { line, start } = row;
  const isFirst = start === 0;
  const isMark = line.missing !== undefined || line.omittedBytes !== undefined;
  return (
    <div class="log-row" data-tone={isMark ? "warn" : toneOf(line.level)} style={{ transform: `translateY(${top}px)` }}>
      {hasTime && <span class="log-time">{isFirst && line.loggedAt !== null ? timeOf(line.loggedAt) : ""}</span>}
      {hasLevel && <span class="log-level">{isFirst ? line.level : ""}</span>}
      <span class="log-text" data-mark={isMark}>
        {isMark
          ? wordsOf(line)
          : markMatches(row, search).map(({ text, isMatch }) => (isMatch ? <mark>{text}</mark> : text))}
      </span>
    </div>
  );
}

/** What stands in place of a line that is none. */
export function wordsOf({ text, missing, omittedBytes }: LogLine): string {
  if (missing !== undefined) return texts.missing(missing);
  if (omittedBytes !== undefined) return texts.omitted(omittedBytes === null ? null : formatBytes(omittedBytes));
  return text;
}

/** The reader's own time, to the millisecond: 12 characters. */
function timeOf(time: string): string {
  const date = new Date(time);
  const two = (part: number) => `${part}`.padStart(2, "0");
  const ms = `${date.getMilliseconds()}`.padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

function toneOf(level: string | null): "neutral" | "info" | "warn" | "bad" {
  const rank = rankOf(level);
  if (rank === null || rank < 2) return "neutral";
  return rank === 2 ? "info" : rank === 3 ? "warn" : "bad";
}

/** The row at the top of what is in sight. */
interface Anchor {
  row: LogRow;
  index: number;
}

interface Seen {
  anchor: Anchor | null;
  /** Lines that have come since it does not follow. */
  fresh: number;
}

/** Remembers what was in sight when the log was last drawn. */
function useSeen(log: JobLog, count: number, subject: string, isFollowing: boolean): Seen {
  const seen = useRef<Seen & { generation: number; count: number; subject: string }>({
    anchor: null,
    fresh: 0,
    generation: 0,
    count,
    subject,
  });
  const { current } = seen;
  // Lines that a filter lets pass again have not come anew.
  const hasBegunAnew = log.generation !== current.generation || subject !== current.subject;
  if (isFollowing) current.fresh = 0;
  else if (!hasBegunAnew) current.fresh = Math.max(0, current.fresh + count - current.count);
  current.generation = log.generation;
  current.count = count;
  current.subject = subject;
  return current;
}

function anchorOf(pane: HTMLElement, rows: readonly LogRow[]): Anchor | null {
  const index = Math.floor(pane.scrollTop / ROW_HEIGHT);
  const row = rows[index];
  return row ? { row, index } : null;
}

/** Where to scroll so that the same row stays in sight, as rows are let go above it or are cut anew. */
function placeOf(pane: HTMLElement | null, rows: readonly LogRow[], anchor: Anchor | null): number {
  const scrollTop = pane?.scrollTop ?? 0;
  if (!anchor || rows[anchor.index] === anchor.row) return scrollTop;
  const index = rows.findIndex(({ line, end }) => line === anchor.row.line && end >= anchor.row.start);
  return index < 0 ? scrollTop : scrollTop + (index - anchor.index) * ROW_HEIGHT;
}

/** How much room there is: pixels, and characters in a row. */
function useSize(pane: { readonly current: HTMLElement | null }): { height: number; columns: number } {
  const [size, setSize] = useState({ height: 400, columns: 80 });
  useEffect(() => {
    const { current } = pane;
    if (!current) return;
    const measure = () => {
      const probe = document.createElement("span");
      probe.className = "log-probe";
      probe.textContent = "0".repeat(100);
      current.append(probe);
      const width = probe.getBoundingClientRect().width / 100;
      probe.remove();
      const columns = Math.max(10, Math.floor((current.clientWidth - 2 * PADDING) / width));
      setSize({ height: current.clientHeight, columns });
    };
    const observer = new ResizeObserver(measure);
    observer.observe(current);
    return () => observer.disconnect();
  }, [pane]);
  return size;
}
