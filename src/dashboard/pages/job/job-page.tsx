import { useMemo } from "preact/hooks";
import { isFinished } from "../../../client/job-view.ts";
import { formatClock } from "../../format.ts";
import { Banner } from "../../parts/banner.tsx";
import { EmptyState } from "../../parts/empty-state.tsx";
import { Link } from "../../parts/link.tsx";
import { Loading } from "../../parts/loading.tsx";
import { TEXTS } from "../../texts.ts";
import { JobData } from "./job-data.tsx";
import { JobHead } from "./job-head.tsx";
import { JobLogCard } from "./job-log-card.tsx";
import { JobTimeline } from "./job-timeline.tsx";
import type { ShownJob } from "./use-job.ts";
import { useJob } from "./use-job.ts";

const { job: texts } = TEXTS;

/** One job, live: how it stands, what it has been through, what it says and what it is about. */
export function JobPage({ queue, id }: { queue: string; id: string }) {
  const job = useJob(queue, id);
  const { record, details, isMissing, error } = job;
  const { view, timeline } = record;
  // A job that logs is drawn sixty times a second: what has not changed is left as it is.
  const timelineCard = useMemo(() => <JobTimeline timeline={timeline} details={details} />, [timeline, details]);
  const dataCards = useMemo(() => <JobData view={view} details={details} />, [view.state, view.result, details]);
  const isNothing = view.state === "unknown" && timeline.length === 0;
  if (isNothing && !record.isTold && !isMissing && error === null) {
    return (
      <div class="card">
        <Loading lines={6} />
      </div>
    );
  }
  if (isNothing && details === null) {
    return (
      <EmptyState
        isPage
        icon="search"
        title={texts.unknown.title}
        text={error?.message ?? texts.unknown.text(queue, id)}
      >
        <Link to={`jobs?${new URLSearchParams({ queue })}`} class="button">
          {texts.unknown.action}
        </Link>
      </EmptyState>
    );
  }
  return (
    <>
      <JobHead job={job} />
      <Notices job={job} />
      <div class="job-columns">
        <div class="job-column">
          {timelineCard}
          {dataCards}
        </div>
        <JobLogCard queue={queue} id={id} log={record.log} version={record.log.version} isFinished={isFinished(view)} />
      </div>
    </>
  );
}

/** What holds for all that is shown. */
function Notices({ job: { record, isMissing, error } }: { job: ShownJob }) {
  const { view, removedAt } = record;
  const isGone = (record.isGone || isMissing) && removedAt === null;
  return (
    <>
      {removedAt !== null && <Banner tone="info">{texts.removed(formatClock(removedAt))}</Banner>}
      {isGone && <Banner tone="info">{isFinished(view) ? texts.gone : texts.lost}</Banner>}
      {view.isStale && <Banner tone="warn">{texts.stale}</Banner>}
      {error !== null && <Banner tone="warn">{texts.detailsFailed(error.message)}</Banner>}
    </>
  );
}
