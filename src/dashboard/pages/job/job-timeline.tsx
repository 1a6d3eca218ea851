import type { JobDetails } from "../../../protocol/job-summary.ts";
import { now } from "../../clock.ts";
import { formatDuration, formatInstant, formatMoment } from "../../format.ts";
import { Card } from "../../parts/card.tsx";
import { TEXTS } from "../../texts.ts";
import type { AttemptStep, Timeline, TimelineStep, WaitStep } from "./timeline.ts";

const { timeline: texts } = TEXTS.job;

/** What the job has been through, each step as long as it took beside the others. */
export function JobTimeline({ timeline, details }: { timeline: Timeline; details: JobDetails | null }) {
  const isOpen = timeline.some((step) => "isOpen" in step && step.isOpen);
  // Only what lasts listens to the clock.
  const end = isOpen ? now.value : lastTimeOf(timeline);
  const span = { start: firstTimeOf(timeline), end };
  return (
    <Card title={texts.title}>
      {timeline.length === 0 ? (
        <p class="muted">{texts.empty}</p>
      ) : (
        <ol class="timeline">
          {timeline.map((step, index) => (
            // A step keeps its place: others come after it.
            <Step key={index} step={step} span={span} details={details} />
          ))}
        </ol>
      )}
    </Card>
  );
}

/** From when to when the whole timeline goes, epoch ms. */
interface Span {
  start: number;
  end: number;
}

interface StepProps {
  step: TimelineStep;
  span: Span;
  details: JobDetails | null;
}

function Step({ step, span, details }: StepProps) {
  switch (step.kind) {
    case "wait":
      return (
        <Wait step={step} span={span} dueAt={step.dueAt ?? (step.isOpen ? (details?.delay_until ?? null) : null)} />
      );
    case "attempt":
      return <Attempt step={step} span={span} stack={stackOf(step, details)} />;
    case "past":
      return (
        <li class="step" data-tone="bad">
          <span class="step-name">{texts.past(step.attempts)}</span>
          <span class="step-time muted" title={texts.unknownHint}>
            {texts.unknown}
          </span>
        </li>
      );
    case "end":
      return (
        <li
          class="step end"
          data-tone={step.outcome === "completed" ? "good" : step.outcome === "failed" ? "bad" : "neutral"}
        >
          <span class="step-name">{texts.ends[step.outcome]}</span>
          <span class="step-time">{step.at !== null && formatMoment(step.at, now.peek())}</span>
          {step.reason !== null && <p class="step-reason">{step.reason}</p>}
        </li>
      );
  }
}

function Wait({ step, span, dueAt }: { step: WaitStep; span: Span; dueAt: string | null }) {
  return (
    <li class="step" data-tone={step.state === "waiting" || step.state === "prioritized" ? "neutral" : "delayed"}>
      <span class="step-name">{texts.states[step.state]}</span>
      <Length step={step} span={span} />
      <Bar step={step} span={span} />
      {step.state === "delayed" && dueAt !== null && (
        <p class="step-note">{texts.dueAt(formatMoment(dueAt, now.peek()))}</p>
      )}
    </li>
  );
}

const OUTCOME_TONES = { completed: "good", failed: "bad", stalled: "warn", interrupted: "neutral" } as const;

function Attempt({ step, span, stack }: { step: AttemptStep; span: Span; stack: string | null }) {
  const reason = step.reason ?? reasonIn(stack);
  return (
    <li
      class="step"
      data-tone={step.outcome === null ? (step.isOpen ? "info" : "neutral") : OUTCOME_TONES[step.outcome]}
    >
      <span class="step-name">
        {texts.attempt(step.number)}{" "}
        <span class="step-outcome">{texts.outcomes[step.outcome ?? (step.isOpen ? "running" : "unknown")]}</span>
      </span>
      <Length step={step} span={span} />
      <Bar step={step} span={span} />
      {reason !== null && <p class="step-reason">{reason}</p>}
      {stack !== null && (
        <details class="step-stack">
          <summary>{texts.stack}</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
          <pre tabIndex={0}>{stack}</pre>
        </details>
      )}
    </li>
  );
}

/** How long a step took, or has taken until now. */
function Length({ step, span }: { step: WaitStep | AttemptStep; span: Span }) {
  if (step.from === null || (step.to === null && !step.isOpen)) {
    return (
      <span class="step-time muted" title={texts.unknownHint}>
        {texts.unknown}
      </span>
    );
  }
  const from = Date.parse(step.from);
  const length = step.to === null ? Math.floor(Math.max(0, span.end - from) / 1000) * 1000 : Date.parse(step.to) - from;
  return (
    <time class="step-time" dateTime={step.from} title={formatInstant(step.from)}>
      {formatDuration(length)}
    </time>
  );
}

function Bar({ step, span }: { step: WaitStep | AttemptStep; span: Span }) {
  if (step.from === null || (step.to === null && !step.isOpen) || span.end <= span.start) return null;
  const whole = span.end - span.start;
  const start = (Date.parse(step.from) - span.start) / whole;
  const length = ((step.to === null ? span.end : Date.parse(step.to)) - Date.parse(step.from)) / whole;
  return (
    <span class="step-track" aria-hidden="true">
      <span
        class="step-bar"
        style={{ left: percent(Math.min(start, 0.99)), width: percent(Math.min(length, 1 - start)) }}
      />
    </span>
  );
}

function percent(part: number): string {
  return `${Math.max(0, part) * 100}%`;
}

function timesOf(timeline: Timeline): number[] {
  return timeline
    .flatMap((step) => (step.kind === "past" ? [] : step.kind === "end" ? [step.at] : [step.from, step.to]))
    .flatMap((time) => (time === null ? [] : [Date.parse(time)]));
}

function firstTimeOf(timeline: Timeline): number {
  return Math.min(...timesOf(timeline));
}

function lastTimeOf(timeline: Timeline): number {
  return Math.max(...timesOf(timeline));
}

/** The stack of an attempt. Of many attempts only the newest have one, the oldest of them first. */
function stackOf({ number, outcome }: AttemptStep, details: JobDetails | null): string | null {
  if (outcome !== "failed" || number === null || details === null || details.attempt === null) return null;
  const isUnfailed = details.state === "active" || details.state === "completed";
  const failed = isUnfailed ? details.attempt - 1 : details.attempt;
  return details.stacktrace[details.stacktrace.length - 1 - (failed - number)] ?? null;
}

/** A stack begins with what the error says. */
function reasonIn(stack: string | null): string | null {
  return stack?.split("\n    at ", 1)[0]?.replace(/^Error: /, "") ?? null;
}
