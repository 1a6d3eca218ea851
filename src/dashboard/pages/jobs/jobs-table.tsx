import { useEffect, useMemo, useRef } from "preact/hooks";
import { connection } from "../../connection.ts";
import { bridgeStats } from "../../data/bridge-stats.ts";
import { Button } from "../../parts/button.tsx";
import { session } from "../../session.ts";
import { TEXTS } from "../../texts.ts";
import { useFrame } from "../../use-frame.ts";
import { useMedia } from "../../use-media.ts";
import type { JobFilter } from "./job-filter.ts";
import { isSearch, writeFilter } from "./job-filter.ts";
import { JobLine } from "./job-line.tsx";
import type { JobRow } from "./job-row.ts";
import { JobsFeed } from "./jobs-feed.ts";
import { JobsFoot } from "./jobs-foot.tsx";
import { NoJobs } from "./no-jobs.tsx";
import { useRowWindow } from "./use-row-window.ts";

const { jobs: texts } = TEXTS;

/** As the stylesheet has them. */
const ROW_HEIGHT = 40;
const TALL_ROW_HEIGHT = 62;
const NARROW = "(max-width: 860px)";

/** The table itself: of however many jobs only those in sight are drawn, and at most once a frame. */
export function JobsTable({ filter }: { filter: JobFilter }) {
  const frame = useFrame();
  const feed = useMemo(
    () =>
      new JobsFeed(
        connection,
        (query, signal) => session.request(`/jobs?${query}`, { signal }),
        filter.queue,
        frame.ask,
      ),
    [],
  );
  useEffect(() => {
    feed.start();
    return () => feed.close();
  }, [feed]);
  const subject = `${writeFilter(filter)}`;
  // While it draws, and not after: rows that do not pass any more must not be seen once.
  useMemo(() => feed.setFilter(filter), [subject]);

  const rows = feed.table.shown;
  const rowHeight = useMedia(NARROW) ? TALL_ROW_HEIGHT : ROW_HEIGHT;
  const list = useRef<HTMLTableSectionElement>(null);
  const { first, end, newer } = useRowWindow(rows, subject, rowHeight, list, frame);
  const focus = useFocusedRow(rows, rowHeight, list);

  // Old jobs are read as one scrolls there. A search would read everything there is: for that one has to ask.
  const isAtEnd = end >= rows.length && feed.isBegun && !isSearch(filter) && feed.error === null;
  useEffect(() => {
    if (isAtEnd && feed.hasMore) void feed.readOn();
  });

  const tabStop = Math.min(Math.max(focus.index, first), end - 1);
  return (
    <section class="card flush jobs" aria-busy={feed.isReading}>
      <table class="job-table" aria-label={texts.table} aria-rowcount={rows.length + 1}>
        <Head />
        <tbody
          class="job-lines"
          ref={list}
          style={{ height: `${rows.length * rowHeight}px` }}
          onKeyDown={focus.move}
          onFocusIn={focus.note}
        >
          {rows.slice(first, end).map((row, offset) => (
            <JobLine
              key={row.key}
              row={row}
              view={row.view}
              dueAt={row.dueAt}
              hasStalled={row.hasStalled}
              index={first + offset}
              top={(first + offset) * rowHeight}
              isTabStop={first + offset === tabStop}
            />
          ))}
        </tbody>
      </table>
      {newer > 0 && (
        <div class="jobs-newer">
          <Button kind="primary" icon="up" onClick={() => scrollTo({ top: 0 })}>
            {texts.newer(newer)}
          </Button>
        </div>
      )}
      {rows.length === 0 && <NoJobs feed={feed} filter={filter} queues={bridgeStats.latest.value?.queues ?? null} />}
      <JobsFoot feed={feed} />
    </section>
  );
}

function Head() {
  return (
    <thead class="job-head">
      <tr class="job-line" aria-rowindex={1}>
        {Object.entries(texts.columns).map(([column, label]) => (
          <th key={column} class={`job-${column}`} scope="col">
            {label}
          </th>
        ))}
      </tr>
    </thead>
  );
}

/** Arrow keys go from row to row, also to those that are not drawn yet. */
function useFocusedRow(rows: readonly JobRow[], rowHeight: number, list: { current: HTMLElement | null }) {
  const index = useRef(0);
  const wanted = useRef<number | null>(null);
  const note = (event: FocusEvent) => {
    const row = (event.target as HTMLElement).dataset.row;
    if (row !== undefined) index.current = Number(row);
  };
  const move = (event: KeyboardEvent) => {
    const next = targetOf(event.key, index.current, rows.length);
    if (next === null) return;
    event.preventDefault();
    const place = list.current?.getBoundingClientRect();
    const top = (place?.top ?? 0) + next * rowHeight;
    const margin = 3 * rowHeight;
    // A row under the head or beyond the window comes into sight first.
    if (top < margin) scrollBy({ top: top - margin, behavior: "instant" });
    if (top + rowHeight > innerHeight - margin)
      scrollBy({ top: top + rowHeight + margin - innerHeight, behavior: "instant" });
    wanted.current = next;
    focusWanted();
  };
  const focusWanted = () => {
    if (wanted.current === null) return;
    const link = list.current?.querySelector<HTMLElement>(`[data-row="${wanted.current}"]`);
    if (!link) return;
    wanted.current = null;
    link.focus({ preventScroll: true });
  };
  useEffect(focusWanted);
  return { index: index.current, note, move };
}

function targetOf(key: string, index: number, count: number): number | null {
  const target = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: count - 1 }[key];
  return target === undefined || target < 0 || target >= count ? null : target;
}
