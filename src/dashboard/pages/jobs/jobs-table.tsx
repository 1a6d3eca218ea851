import { useSignalEffect } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { connection } from "../../connection.ts";
import { bridgeStats } from "../../data/bridge-stats.ts";
import { Button } from "../../parts/button.tsx";
import { session } from "../../session.ts";
import { TEXTS } from "../../texts.ts";
import { useFrame } from "../../use-frame.ts";
import { useMedia } from "../../use-media.ts";
import { JobCells } from "./job-cells.tsx";
import type { JobFilter } from "./job-filter.ts";
import { isSearch, writeFilter } from "./job-filter.ts";
import { JobsFeed } from "./jobs-feed.ts";
import { JobsFoot } from "./jobs-foot.tsx";
import { NoJobs } from "./no-jobs.tsx";
import { FIRST_ROW_INDEX, useRowFocus } from "./use-row-focus.ts";
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
  useSignalEffect(() => {
    const stats = bridgeStats.latest.value;
    // Of very many the bridge names some only.
    if (stats && stats.queues.length === stats.queues_total) feed.setQueues(stats.queues.map(({ queue }) => queue));
  });
  const subject = `${writeFilter(filter)}`;
  // While it draws, and not after: rows that do not pass any more must not be seen once.
  useMemo(() => feed.setFilter(filter), [subject]);

  const rows = feed.table.shown;
  const rowHeight = useMedia(NARROW) ? TALL_ROW_HEIGHT : ROW_HEIGHT;
  const list = useRef<HTMLTableSectionElement>(null);
  const { first, end, newer } = useRowWindow(rows, subject, rowHeight, list, frame);
  const focus = useRowFocus(rows.length, rowHeight, list);

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
          style={{ paddingTop: `${first * rowHeight}px`, paddingBottom: `${(rows.length - end) * rowHeight}px` }}
          onKeyDown={focus.move}
        >
          {rows.slice(first, end).map((row, offset) => (
            <tr key={row.key} class="job-line" aria-rowindex={first + offset + FIRST_ROW_INDEX}>
              <JobCells
                row={row}
                view={row.view}
                dueAt={row.dueAt}
                hasStalled={row.hasStalled}
                isTabStop={first + offset === tabStop}
              />
            </tr>
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
