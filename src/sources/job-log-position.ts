import { createHash } from "node:crypto";

/** Most lines read and told at a time. */
export const MAX_LINES = 1000;
/** Last lines of which the fingerprints are kept, 8 bytes each: enough to find one's place again in a shortened list. */
const REMEMBERED_LINES = 100;
/** Lines read first of a list that is shortened: as many new ones as remembered ones. */
const SHORT_READ = 2 * REMEMBERED_LINES;

/** One line of a job's log, or, with `dropped`, the mark that lines are missing here. */
export interface JobLogLine {
  /** 0-based number, of a mark that of the first missing one; null where it is not exact. */
  line: number | null;
  /** Null where lines are missing. */
  content: string | null;
  /** How many lines are missing here; null when unknowable, absent on ordinary lines. */
  dropped?: number | null;
}

/** A part of a list, with the list's length as it was just after. */
export interface JobLogPart {
  /** Index of the first line; negative when counted from the end. */
  start: number;
  /** How many lines were asked for. */
  count: number;
  length: number;
  lines: readonly string[];
}

/** The number of the last line that this one stands for; null where it is not exact. */
export function lastNumberOf({ line, dropped }: JobLogLine): number | null {
  return line === null ? null : line + Math.max(1, dropped ?? 1) - 1;
}

const MISSING: JobLogLine = { line: null, content: null, dropped: null };

/**
 * How far the log list of one job has been told. Lines are numbered as long as each is known to be at its own index:
 * until the list reaches the job's `keepLogs`, or turns out to be shortened in another way. From then on a line is
 * known only by the lines before it.
 */
export class JobLogPosition {
  /** Lines the job keeps; null when it keeps all, undefined until it has been asked. */
  keepLogs: number | null | undefined;
  /** Whether a line has been told. */
  hasShown = false;
  /** Index of the next line, while exact. */
  #told = 0;
  #isExact = true;
  /** Fingerprints of the last lines told, none of them passed over. */
  #recent: number[] = [];
  /** Length of the list when it was last read. */
  #length = 0;
  #shortenedCount = SHORT_READ;

  /** How many lines have been told or counted as dropped; null when that is not exact. */
  get told(): number | null {
    return this.#isExact ? this.#told : null;
  }

  /** What is to be read next. An exact position reads its last line again, to see whether it still stands there. */
  get next(): { start: number; count: number } {
    if (!this.#isExact) return { start: -this.#shortenedCount, count: this.#shortenedCount };
    const start = this.#recent.length > 0 ? this.#told - 1 : this.#told;
    return { start, count: MAX_LINES + this.#told - start };
  }

  /**
   * Takes what was read and answers what is new in it, and whether that is all. The part may have been asked for before
   * an earlier answer moved the position on: what has been told already is passed over.
   */
  take(part: JobLogPart): { lines: JobLogLine[]; isComplete: boolean } {
    const taken = this.#isExact ? this.#takeExact(part) : this.#takeShortened(part);
    this.hasShown ||= taken.lines.length > 0;
    return taken;
  }

  #takeExact({ start, count, length, lines }: JobLogPart): { lines: JobLogLine[]; isComplete: boolean } {
    const seen = Math.max(length, lines.length > 0 ? start + lines.length : 0);
    if (this.#fills(seen) || length < this.#told || !this.#stands(lines[this.#told - 1 - start])) {
      this.#isExact = false;
      this.#length = Math.min(this.#told, length);
      return { lines: [], isComplete: false };
    }
    const passedOver = length - MAX_LINES - this.#told;
    if (passedOver > 0) {
      const mark = { line: this.#told, content: null, dropped: passedOver };
      this.#told += passedOver;
      this.#recent = [];
      return { lines: [mark], isComplete: false };
    }
    const fresh = lines.slice(this.#told - start);
    const told = fresh.map((content, index) => ({ line: this.#told + index, content }));
    this.#told += fresh.length;
    this.#remember(fresh);
    return { lines: told, isComplete: this.#told >= length && lines.length < count };
  }

  /** Whether a list of this length may have lost lines to `keepLogs`. */
  #fills(length: number): boolean {
    return typeof this.keepLogs === "number" && length >= this.keepLogs;
  }

  /** Whether the line at the place of the last one told is that one; what was not read says nothing against it. */
  #stands(line: string | undefined): boolean {
    const last = this.#recent.at(-1);
    return line === undefined || last === undefined || fingerprint(line) === last;
  }

  #takeShortened({ start, count, length, lines }: JobLogPart): { lines: JobLogLine[]; isComplete: boolean } {
    // Asked for while the position was exact.
    if (start >= 0) return { lines: [], isComplete: false };
    const isWhole = lines.length >= length;
    const newCount = this.#countNew(lines, Math.max(0, length - this.#length), isWhole || count >= MAX_LINES);
    if (newCount === null && !isWhole && count < MAX_LINES) {
      this.#shortenedCount = MAX_LINES;
      return { lines: [], isComplete: false };
    }
    this.#shortenedCount = SHORT_READ;
    const fresh = lines.slice(lines.length - (newCount ?? lines.length));
    // An empty list that was seen and has room still holds all that was logged since.
    const isSinceEmpty = this.#recent.length === 0 && this.#length === 0 && isWhole && !this.#fills(length);
    const hasHole = newCount === null && fresh.length > 0 && !isSinceEmpty;
    this.#length = length;
    if (lines.length === 0) this.#recent = [];
    this.#remember(fresh);
    const told = fresh.map((content) => ({ line: null, content }));
    return { lines: hasHole ? [MISSING, ...told] : told, isComplete: true };
  }

  /**
   * How many lines at the end of the list are new: as few as can be, that is, the longest stretch before them that ends
   * as what was told does. Among equal lines several stretches fit, and the longest is chosen as a line told twice
   * would be an invention, while one that is passed over has an equal in view. A list that grew has at least so many new
   * ones. Null when no stretch fits; unless `mayBePart`, one that the read cut off is none.
   */
  #countNew(lines: readonly string[], atLeast: number, mayBePart: boolean): number | null {
    const prints = lines.map(fingerprint);
    const needed = mayBePart ? 1 : this.#recent.length;
    for (let newCount = atLeast; newCount < prints.length; newCount += 1) {
      const overlap = Math.min(this.#recent.length, prints.length - newCount);
      if (overlap === 0 || overlap < needed) return null;
      const end = prints.length - newCount;
      if (this.#recent.slice(-overlap).every((print, index) => print === prints[end - overlap + index]))
        return newCount;
    }
    return null;
  }

  #remember(lines: readonly string[]): void {
    this.#recent = [...this.#recent, ...lines.slice(-REMEMBERED_LINES).map(fingerprint)].slice(-REMEMBERED_LINES);
  }
}

/** 48 bits that tell lines apart; the lines themselves may be long. */
function fingerprint(line: string): number {
  return createHash("sha1").update(line).digest().readUIntBE(0, 6);
}
