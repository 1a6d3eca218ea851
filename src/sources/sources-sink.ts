import type { FactSink } from "./fact.ts";
import type { JobLogLines } from "./job-log-tail.ts";
import type { PublishedLine } from "./log-pub-sub-source.ts";

/** Takes in all that the sources find. */
export interface SourcesSink extends FactSink {
  /** Facts of this queue will come, from a time by our clock on, epoch ms. */
  watch(queue: string, attachedAtMs: number): void;
  /** No more will. */
  forget(queue: string): void;
  acceptLine(line: PublishedLine): void;
  acceptLogLines(lines: JobLogLines): void;
}

/** For sources that nobody listens to yet. */
export const NO_SINK: SourcesSink = {
  accept: () => Promise.resolve(),
  watch: () => undefined,
  forget: () => undefined,
  acceptLine: () => undefined,
  acceptLogLines: () => undefined,
};
