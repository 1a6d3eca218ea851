import { Component } from "preact";
import type { JobView } from "../../../client/index.ts";
import { isFinished } from "../../../client/job-view.ts";
import { now } from "../../clock.ts";
import { formatDuration } from "../../format.ts";
import { Badge } from "../../parts/badge.tsx";
import { Link } from "../../parts/link.tsx";
import { ProgressBar } from "../../parts/progress-bar.tsx";
import { RelativeTime } from "../../parts/relative-time.tsx";
import { StateBadge } from "../../parts/state-badge.tsx";
import { readProgress } from "../../read-progress.ts";
import { jobPath } from "../../router.ts";
import { TEXTS } from "../../texts.ts";
import type { JobRow } from "./job-row.ts";

const { jobs: texts } = TEXTS;

interface JobCellsProps {
  row: JobRow;
  /** These are the row's own, as it changes in place: what is compared must be handed over. */
  view: JobView;
  dueAt: string | null;
  hasStalled: boolean;
  isTabStop: boolean;
}

/** The cells of one row. Drawn again only if something they show has changed, not as rows come and go above. */
export class JobCells extends Component<JobCellsProps> {
  override shouldComponentUpdate(next: JobCellsProps): boolean {
    const { view, isTabStop, dueAt, hasStalled } = this.props;
    return view !== next.view || isTabStop !== next.isTabStop || dueAt !== next.dueAt || hasStalled !== next.hasStalled;
  }

  override render() {
    const { row, view, isTabStop, dueAt, hasStalled } = this.props;
    const { percent, step } = readProgress(view.progress);
    const isActive = view.state === "active";
    return (
      <>
        <td class="job-state">
          <StateBadge state={view.state} />
          {hasStalled && !isFinished(view) && (
            <Badge tone="warn" title={texts.stalledHint}>
              {texts.stalled}
            </Badge>
          )}
          {view.isStale && (
            <Badge tone="warn" title={texts.staleHint}>
              {texts.stale}
            </Badge>
          )}
        </td>
        <td class="job-name">
          <Link to={jobPath(row.queue, row.id)} class="job-link" tabIndex={isTabStop ? 0 : -1}>
            <span class="truncate">{view.name?.trim() || texts.unnamed}</span>
            <span class="job-id">#{row.id}</span>
          </Link>
        </td>
        <td class="job-queue truncate">{row.queue}</td>
        <td class="job-progress">
          {percent !== null && (isActive || !isFinished(view)) && (
            <>
              <ProgressBar percent={percent} label={texts.progressOf(row.id)} />
              <span>{texts.percent(percent)}</span>
            </>
          )}
        </td>
        <Latest view={view} step={step} />
        <td class="job-attempt" data-again={(view.attempt ?? 0) > 1 && !isFinished(view)}>
          {view.attempt !== null && view.attempt > 0 && (
            <span title={texts.attemptHint(view.attempt, view.attempts)}>
              {texts.attempt(view.attempt, view.attempts)}
            </span>
          )}
        </td>
        <td class="job-added">
          <RelativeTime time={view.addedAt} />
        </td>
        <td class="job-took">
          <Took view={view} dueAt={dueAt} />
        </td>
      </>
    );
  }
}

/** What there is to say beyond the numbers: why it failed, else what it is doing. */
function Latest({ view, step }: { view: JobView; step: string }) {
  const line = view.logs.at(-1)?.content ?? "";
  const isFailure = view.failedReason !== null && view.state !== "completed" && view.state !== "active";
  const text = isFailure ? (view.failedReason ?? "") : view.state === "completed" ? "" : step || line;
  return (
    <td class="job-latest truncate" title={text} data-failed={isFailure}>
      {text}
    </td>
  );
}

/** How long it has been at work, or until it is due. Only what grows listens to the clock. */
function Took({ view, dueAt }: { view: JobView; dueAt: string | null }) {
  const { state, startedAt, finishedAt } = view;
  if (state === "active" && startedAt !== null) return <>{formatElapsed(now.value - Date.parse(startedAt))}</>;
  if (state === "delayed" && dueAt !== null) {
    const leftMs = Date.parse(dueAt) - now.value;
    return <>{leftMs > 0 ? texts.dueIn(formatElapsed(leftMs)) : texts.dueNow}</>;
  }
  if (startedAt === null || finishedAt === null) return null;
  return <>{formatDuration(Date.parse(finishedAt) - Date.parse(startedAt))}</>;
}

/** In whole seconds, as it is drawn once a second. */
function formatElapsed(ms: number): string {
  return formatDuration(Math.max(1, Math.round(ms / 1000)) * 1000);
}
