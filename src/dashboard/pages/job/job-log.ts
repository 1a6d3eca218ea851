import type { LogLine } from "./log-line.ts";

/** Characters held of all lines together. */
const MAX_CHARACTERS = 8 * 1024 * 1024;
/** Lines, and characters, let go at a time, as all rows are made anew for it. */
const LET_GO_AT_ONCE = 500;
const CHARACTERS_LET_GO_AT_ONCE = MAX_CHARACTERS / 16;

/** The newest lines of one job's log. */
export class JobLog {
  readonly #maxLines: number;
  #lines: LogLine[] = [];
  #characters = 0;
  /** How many lines came before the first, and are not here. */
  #lost: number | null = 0;
  /** How many times lines were replaced or let go: what was made of them before is of no use any more. */
  #generation = 0;
  #version = 0;
  #hasTimes = false;
  #hasLevels = false;

  constructor({ maxLines = 10_000 } = {}) {
    this.#maxLines = maxLines;
  }

  /** Oldest first. */
  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  /** How many lines there were before the first; null when not known. */
  get lost(): number | null {
    return this.#lost;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Grows with each change. */
  get version(): number {
    return this.#version;
  }

  /** Whether any line has said when it was logged, or how serious it is: where none does, no room is kept for it. */
  get hasTimes(): boolean {
    return this.#hasTimes;
  }

  get hasLevels(): boolean {
    return this.#hasLevels;
  }

  /** Whether its newest lines are these. */
  endsWith(lines: readonly LogLine[]): boolean {
    if (lines.length === 0) return this.#lines.length === 0;
    const first = this.#lines.length - lines.length;
    return first >= 0 && lines.every(({ text }, index) => this.#lines[first + index]?.text === text);
  }

  /** Begins anew. */
  replace(lines: readonly LogLine[], lost: number | null): void {
    this.#hasTimes = lines.some(({ loggedAt }) => loggedAt !== null);
    this.#hasLevels = lines.some(({ level }) => level !== null);
    this.#lines = [...lines];
    this.#characters = lines.reduce((sum, { text }) => sum + text.length, 0);
    this.#lost = lost;
    this.#generation += 1;
    this.#version += 1;
  }

  /** Adds a line; the oldest go where there are too many. */
  add(line: LogLine): void {
    this.#lines.push(line);
    this.#version += 1;
    this.#hasTimes ||= line.loggedAt !== null;
    this.#hasLevels ||= line.level !== null;
    this.#characters += line.text.length;
    const isTooMany = this.#lines.length >= this.#maxLines + LET_GO_AT_ONCE;
    const isTooLong = this.#characters > MAX_CHARACTERS;
    if (!isTooMany && !isTooLong) return;
    const maxCharacters = isTooLong ? MAX_CHARACTERS - CHARACTERS_LET_GO_AT_ONCE : MAX_CHARACTERS;
    let index = Math.max(0, this.#lines.length - this.#maxLines);
    for (let left = 0; left < index; left += 1) this.#characters -= this.#lines[left]?.text.length ?? 0;
    for (; this.#characters > maxCharacters && index < this.#lines.length - 1; index += 1) {
      this.#characters -= this.#lines[index]?.text.length ?? 0;
    }
    this.#lines.splice(0, index);
    if (this.#lost !== null) this.#lost += index;
    this.#generation += 1;
  }
}
