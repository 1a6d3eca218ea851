import type { JobLogLine, JobView } from "../client/job-view.ts";
import { makeElement } from "./make-element.ts";

/** Lines of the log that are shown: its end. */
const MAX_LINES = 50;

/** What an element shows of a job. Everything the job says goes in as text. */
export class JobPanel {
  readonly element = makeElement("div", "bullcast-job");
  readonly #name = makeElement("span", "bullcast-job-name");
  readonly #state = makeElement("span", "bullcast-job-state");
  readonly #progress = makeElement("progress", "");
  readonly #reason = makeElement("p", "bullcast-error");
  readonly #log = makeElement("div", "bullcast-log");
  #lines: readonly JobLogLine[] = [];

  constructor() {
    const head = makeElement("p", "bullcast-job-head");
    head.append(this.#name, " ", this.#state);
    this.#state.setAttribute("role", "status");
    this.#progress.max = 100;
    this.#progress.setAttribute("aria-label", "Progress");
    this.#log.setAttribute("role", "log");
    this.#log.setAttribute("aria-label", "Log");
    // Whoever has no mouse scrolls it with the arrow keys.
    this.#log.tabIndex = 0;
    this.element.append(head, this.#progress, this.#reason, this.#log);
  }

  show(job: JobView): void {
    setText(this.#name, job.name ?? `job ${job.id}`);
    setText(this.#state, job.state);
    this.element.dataset.state = job.state;
    const percent = percentOf(job);
    this.#progress.hidden = percent === null;
    this.#progress.value = percent ?? 0;
    const reason = job.state === "completed" ? null : job.failedReason;
    this.#reason.hidden = reason === null;
    setText(this.#reason, reason ?? "");
    this.#showLog(job.logs.slice(-MAX_LINES));
  }

  /** Adds what is new, so that a screen reader reads no line twice. */
  #showLog(lines: readonly JobLogLine[]): void {
    const log = this.#log;
    const last = this.#lines.at(-1);
    const known = last ? lines.indexOf(last) + 1 : 0;
    if (known === 0) log.replaceChildren();
    const wasAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 1;
    for (const line of lines.slice(known)) log.append(makeElement("div", "bullcast-log-line", textOf(line)));
    while (log.childElementCount > MAX_LINES) log.firstElementChild?.remove();
    log.hidden = lines.length === 0;
    if (wasAtEnd) log.scrollTop = log.scrollHeight;
    this.#lines = lines;
  }
}

/** Only a number can be shown as a bar; what a worker reports may be anything. */
function percentOf({ state, progress }: JobView): number | null {
  if (state === "completed") return 100;
  return typeof progress === "number" ? progress : null;
}

function textOf({ content, level, dropped }: JobLogLine): string {
  if (content === null) return dropped === null ? "(lines are missing)" : `(${dropped} lines are missing)`;
  return level === null ? content : `[${level}] ${content}`;
}

/** A live region is read again when its text is set, even to the same. */
function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
