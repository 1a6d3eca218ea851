import type { Frame } from "../../../src/connections/frame.ts";
import type { CatchUp } from "../../../src/connections/history.ts";

/** A catch-up that gives what it was made with, and counts what is done to it. */
export interface FakeCatchUp extends CatchUp {
  recovered: boolean;
  /** What `next()` has still to answer. */
  readonly steps: (Frame | "unready")[];
  /** How often `next()` was asked. */
  asked: number;
  prepared: number;
  joins: number;
  closes: number;
}

/** Each "unready" among the steps lasts until `prepare()` has resolved; that is at once, unless the test says when. */
export function fakeCatchUp(
  steps: readonly (Frame | "unready")[] = [],
  { recovered = true, prepare = () => Promise.resolve() }: { recovered?: boolean; prepare?: () => Promise<void> } = {},
): FakeCatchUp {
  return {
    recovered,
    steps: [...steps],
    asked: 0,
    prepared: 0,
    joins: 0,
    closes: 0,
    next() {
      this.asked += 1;
      return this.steps[0] === "unready" ? "unready" : (this.steps.shift() ?? null);
    },
    async prepare() {
      this.prepared += 1;
      await prepare();
      if (this.steps[0] === "unready") this.steps.shift();
    },
    joined() {
      this.joins += 1;
    },
    close() {
      this.closes += 1;
    },
  };
}
