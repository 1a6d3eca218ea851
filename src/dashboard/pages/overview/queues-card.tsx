import type { QueueSummary } from "../../../protocol/queue-summary.ts";
import { LISTED_STATES } from "../../../protocol/queue-summary.ts";
import { now } from "../../clock.ts";
import { connection } from "../../connection.ts";
import { bridgeStats } from "../../data/bridge-stats.ts";
import { formatAgo, formatCount, formatDuration, formatRate, NONE } from "../../format.ts";
import { Badge } from "../../parts/badge.tsx";
import { Card } from "../../parts/card.tsx";
import { CodeBlock } from "../../parts/code-block.tsx";
import { EmptyState } from "../../parts/empty-state.tsx";
import { Link } from "../../parts/link.tsx";
import { STATE_TONES } from "../../parts/state-badge.tsx";
import { TableScroll } from "../../parts/table-scroll.tsx";
import { TEXTS } from "../../texts.ts";
import { filterStateOf } from "../jobs/job-filter.ts";
import { SourceState } from "./source-state.tsx";

const texts = TEXTS.overview.queues;

/** Counts older than this are said to be: the bridge counts once a second, less often where there are many queues. */
const OLD_COUNT_MS = 60_000;

/** Each queue: its jobs by state, what comes of it, and how far behind it is read. */
export function QueuesCard({ queues, total }: { queues: readonly QueueSummary[]; total: number }) {
  const [first] = queues;
  if (!first) return <NoQueue />;
  const isQuiet = queues.every(({ events_total, counts }) => events_total === 0 && counts !== null && isEmpty(counts));
  const [shown, all] = [formatCount(queues.length), formatCount(total)];
  return (
    <Card
      title={texts.title}
      aside={<span class="muted">{shown === all ? all : texts.first(shown, all)}</span>}
      isFlush
    >
      <TableScroll label={texts.title}>
        <table class="table queues">
          <thead>
            <tr>
              <th scope="col">{texts.queue}</th>
              {LISTED_STATES.map((state) => (
                <th scope="col" class="number" key={state}>
                  {TEXTS.parts.states[state]}
                </th>
              ))}
              <th scope="col" class="number">
                {texts.events}
              </th>
              <th scope="col" class="number">
                {texts.lag}
              </th>
              <th scope="col">{texts.source}</th>
            </tr>
          </thead>
          <tbody>
            {queues.map((queue) => (
              <QueueRow queue={queue} key={queue.queue} />
            ))}
          </tbody>
        </table>
      </TableScroll>
      {isQuiet && (
        <EmptyState icon="jobs" title={texts.quiet.title} text={texts.quiet.text}>
          <CodeBlock code={texts.quiet.code(first.queue)} />
        </EmptyState>
      )}
    </Card>
  );
}

function QueueRow({ queue }: { queue: QueueSummary }) {
  const { queue: name, counts } = queue;
  const rate = bridgeStats.queueRates.value.get(name);
  const inQueue = `jobs?queue=${encodeURIComponent(name)}`;
  return (
    <tr data-queue={name} {...(hintOf(queue) !== undefined && { title: hintOf(queue) })}>
      <th scope="row">
        <Link to={inQueue} class="queue-name">
          {name}
        </Link>
        {queue.is_paused && <Badge tone="warn">{texts.paused}</Badge>}
      </th>
      {LISTED_STATES.map((state) => (
        <td class="number" key={state} data-count={state} data-label={TEXTS.parts.states[state]}>
          {counts === null ? (
            NONE
          ) : (
            <Link
              to={`${inQueue}&state=${filterStateOf(state)}`}
              class={counts[state] === 0 ? "count zero" : `count ${STATE_TONES[state]}`}
              aria-label={`${formatCount(counts[state])} ${TEXTS.parts.states[state]}, ${name}`}
            >
              {formatCount(counts[state])}
            </Link>
          )}
        </td>
      ))}
      <td class="number" data-label={texts.events}>
        {rate === undefined || connection.isStale.value ? NONE : formatRate(rate)}
      </td>
      <td class="number" data-label={texts.lag}>
        {queue.lag_ms === null ? NONE : formatDuration(queue.lag_ms)}
      </td>
      <td>
        <SourceState state={queue.state} />
      </td>
    </tr>
  );
}

/** Why the counts may not be what they are now. */
function hintOf({ counts, counted_at }: QueueSummary): string | undefined {
  if (counts === null || counted_at === null) return texts.notCounted;
  const time = Date.parse(counted_at);
  return now.value - time > OLD_COUNT_MS ? texts.countedAt(formatAgo(time, now.value)) : undefined;
}

function isEmpty(counts: Readonly<Record<string, number>>): boolean {
  return Object.values(counts).every((count) => count === 0);
}

function NoQueue() {
  return (
    <Card title={texts.title}>
      <EmptyState icon="plug" title={texts.none.title} text={texts.none.text}>
        <CodeBlock code={texts.none.command} />
        <CodeBlock code={texts.none.code} />
      </EmptyState>
    </Card>
  );
}
