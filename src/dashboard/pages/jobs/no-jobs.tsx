import type { QueueSummary } from "../../../protocol/queue-summary.ts";
import { formatCount } from "../../format.ts";
import { Button } from "../../parts/button.tsx";
import { CodeBlock } from "../../parts/code-block.tsx";
import { EmptyState } from "../../parts/empty-state.tsx";
import { Link } from "../../parts/link.tsx";
import { Loading } from "../../parts/loading.tsx";
import { jobPath } from "../../router.ts";
import { TEXTS } from "../../texts.ts";
import type { JobFilter } from "./job-filter.ts";
import { isUnfiltered } from "./job-filter.ts";
import { clearFilters } from "./job-filters.tsx";
import type { JobsFeed } from "./jobs-feed.ts";

const { jobs: texts } = TEXTS;

/** Queues of which a job is offered by its id alone. */
const MAX_GUESSES = 5;

interface NoJobsProps {
  feed: JobsFeed;
  filter: JobFilter;
  /** Null as long as it is not known what is attached. */
  queues: readonly QueueSummary[] | null;
}

/** Stands where jobs would be, and says why there are none. */
export function NoJobs({ feed, filter, queues }: NoJobsProps) {
  if (!feed.isBegun) return feed.error === null ? <Loading lines={8} /> : null;
  const names = filter.queue === null ? (queues ?? []).map(({ queue }) => queue) : [filter.queue];
  if (isUnfiltered(filter)) {
    if (queues?.length === 0) return <EmptyState icon="plug" {...texts.noQueues} />;
    return (
      <EmptyState icon="jobs" title={texts.empty.title} text={texts.empty.text}>
        <CodeBlock code={texts.empty.code(names[0] ?? "emails")} />
      </EmptyState>
    );
  }
  const id = filter.id.trim();
  const text = feed.hasMore ? texts.noMatch.loaded(formatCount(feed.table.size)) : texts.noMatch.all;
  return (
    <EmptyState icon="search" title={texts.noMatch.title} text={text}>
      <div class="jobs-ways">
        {id !== "" &&
          names.slice(0, MAX_GUESSES).map((queue) => (
            <Link key={queue} to={jobPath(queue, id)} class="button">
              {texts.noMatch.open(id, queue)}
            </Link>
          ))}
        <Button onClick={clearFilters}>{texts.clear}</Button>
      </div>
    </EmptyState>
  );
}
