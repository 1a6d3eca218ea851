import { jobTopic } from "../protocol/topic.ts";
import type { ServerMessage } from "./server-message.ts";
import { isType, jobOf } from "./server-message.ts";

/** How many messages with a cursor are remembered; a repetition comes soon after. */
const MAX_NAMES = 5000;
/** Of how many jobs it is remembered which lines were seen. */
const MAX_JOBS = 10_000;

/**
 * Tells messages that have been received before. One with a cursor is named by type, queue, job and cursor; a line of
 * a job's own log has none and is named by its number, which only rises within a run of the job.
 */
export class RepetitionFilter {
  readonly #names = new Set<string>();
  /** The number of the line that each job logs next, least recently heard of first. */
  readonly #nextLines = new Map<string, number>();

  isRepeated(message: ServerMessage): boolean {
    const { queue, task_id: id, cursor } = message.meta;
    if (typeof cursor === "string") {
      const name = JSON.stringify([message.type, queue, id, cursor]);
      if (this.#names.has(name)) return true;
      this.#names.add(name);
      dropOldest(this.#names, MAX_NAMES);
    }
    return this.#isSeenLine(message);
  }

  #isSeenLine(message: ServerMessage): boolean {
    const job = jobOf(message);
    if (!job) return false;
    const key = jobTopic(job.queue, job.id);
    if (isType(message, "snapshot")) {
      // Those of the log stream come after them, and have none.
      const line = message.content.logs.findLast(({ line }) => line !== null)?.line;
      // Not the higher of the two: the id may be that of a newer job, whose log begins anew.
      this.#expect(key, typeof line === "number" ? line + 1 : null);
    } else if (isType(message, "task_added") || isType(message, "task_removed")) {
      this.#expect(key, null);
    } else if (isType(message, "logs") && typeof message.meta.line === "number") {
      const { line, dropped } = message.meta;
      const next = this.#nextLines.get(key) ?? 0;
      // The mark of missing lines says where they begin; of one that does not say how many the next line is not known.
      const count = message.content !== null ? 1 : typeof dropped === "number" ? dropped : 0;
      if (line + count <= next && line < next) return true;
      if (count > 0) this.#expect(key, line + count);
    }
    return false;
  }

  #expect(key: string, line: number | null): void {
    this.#nextLines.delete(key);
    if (line !== null) this.#nextLines.set(key, line);
    dropOldest(this.#nextLines, MAX_JOBS);
  }
}

function dropOldest(held: Set<string> | Map<string, unknown>, limit: number): void {
  if (held.size <= limit) return;
  for (const key of held.keys()) {
    held.delete(key);
    return;
  }
}
