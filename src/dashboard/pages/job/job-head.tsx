import type { ComponentChildren } from "preact";
import type { JobView } from "../../../client/index.ts";
import { isFinished } from "../../../client/job-view.ts";
import { now } from "../../clock.ts";
import { formatDuration, NONE } from "../../format.ts";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Link } from "../../parts/link.tsx";
import { ProgressBar } from "../../parts/progress-bar.tsx";
import { RelativeTime } from "../../parts/relative-time.tsx";
import { STATE_TONES, StateBadge } from "../../parts/state-badge.tsx";
import { readProgress } from "../../read-progress.ts";
import { jobPath } from "../../router.ts";
import { TEXTS } from "../../texts.ts";
import type { JobRecord } from "./job-record.ts";
import type { ShownJob } from "./use-job.ts";

const { job: texts } = TEXTS;

/** What the job is called, how it stands, and the numbers. */
export function JobHead({ job: { record, details } }: { job: ShownJob }) {
  const { view, parent, children } = record;
  const { queue, id, name, state } = view;
  return (
    <header class="job-head-card">
      <nav class="job-way" aria-label={texts.way}>
        <Link to="jobs" class="quiet-link">
          {texts.back}
        </Link>
        <Icon name="chevron" />
        <Link to={`jobs?${new URLSearchParams({ queue })}`} class="quiet-link">
          {queue}
        </Link>
        {parent && (
          <Link to={jobPath(parent.queue, parent.id)} class="job-parent">
            <Icon name="parent" />
            {texts.parent(parent.queue, parent.id)}
          </Link>
        )}
      </nav>
      <div class="job-title">
        <h1>
          {name?.trim() || TEXTS.jobs.unnamed} <span class="job-number">#{id}</span>
        </h1>
        <StateBadge state={state} />
        <div class="job-actions">
          <CopyButton text={() => location.href} label={texts.copyLink} />
        </div>
      </div>
      <dl class="facts">
        <Fact label={texts.facts.attempt}>{view.attempt ? TEXTS.jobs.attempt(view.attempt, view.attempts) : NONE}</Fact>
        <Fact label={texts.facts.added}>
          <RelativeTime time={view.addedAt} />
        </Fact>
        <Fact label={texts.facts.started}>
          <RelativeTime time={view.startedAt} />
        </Fact>
        <Took view={view} dueAt={dueAtOf(record) ?? details?.delay_until ?? null} />
        {children && <Fact label={texts.facts.children}>{texts.childrenDone(children.done, children.total)}</Fact>}
        {details?.processed_by && <Fact label={texts.facts.worker}>{details.processed_by}</Fact>}
      </dl>
      <Progress record={record} />
      <Failure record={record} />
    </header>
  );
}

function Fact({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** How long it took, takes, or will be put off. */
function Took({ view, dueAt }: { view: JobView; dueAt: string | null }) {
  const { state, startedAt, finishedAt } = view;
  if (state === "delayed" && dueAt !== null) {
    const leftMs = Date.parse(dueAt) - now.value;
    const text = leftMs > 0 ? TEXTS.jobs.dueIn(formatDuration(Math.ceil(leftMs / 1000) * 1000)) : TEXTS.jobs.dueNow;
    return <Fact label={texts.facts.due}>{text}</Fact>;
  }
  if (state === "active" && startedAt !== null) {
    const seconds = Math.max(1, Math.round((now.value - Date.parse(startedAt)) / 1000));
    return <Fact label={texts.facts.running}>{formatDuration(seconds * 1000)}</Fact>;
  }
  const isKnown = startedAt !== null && finishedAt !== null;
  return (
    <Fact label={texts.facts.took}>
      {isKnown ? formatDuration(Date.parse(finishedAt) - Date.parse(startedAt)) : NONE}
    </Fact>
  );
}

function dueAtOf({ timeline }: JobRecord): string | null {
  const last = timeline.at(-1);
  return last?.kind === "wait" && last.isOpen ? last.dueAt : null;
}

function Progress({ record: { view, children } }: { record: JobRecord }) {
  // That a completed job has got to its end need not be said twice.
  const { percent, step } = readProgress(view.state === "completed" ? null : view.progress);
  const isWaiting = view.state === "waiting-children";
  return (
    <>
      {percent !== null && (
        <div class="job-meter" data-tone={STATE_TONES[view.state]}>
          <ProgressBar percent={percent} label={texts.progress} />
          <span>{TEXTS.jobs.percent(percent)}</span>
        </div>
      )}
      {step !== "" && !isFinished(view) && <p class="job-step">{step}</p>}
      {children && isWaiting && (
        <div class="job-meter" data-tone="delayed">
          <ProgressBar percent={(children.done / children.total) * 100} label={texts.childrenProgress} />
        </div>
      )}
      {!children && isWaiting && <p class="job-step">{texts.childrenUnknown}</p>}
    </>
  );
}

function Failure({ record: { view } }: { record: JobRecord }) {
  if (view.failedReason === null || view.state === "completed") return null;
  return (
    <div class="job-failure">
      <strong>{view.state === "failed" ? texts.failed : texts.lastFailed}</strong>
      <pre>{view.failedReason}</pre>
    </div>
  );
}
