import type { LogEntry, LogLine } from "./log-entry.ts";
import type { LogSink } from "./log-sink.ts";

/** How many entries may wait for Redis' answer; what is logged beyond them is dropped and counted. */
export const MAX_LINES_IN_FLIGHT = 1000;

/** A hole is closed only when this few wait, so that a job that outruns Redis leaves few holes instead of one per line. */
const RESUME_AT = MAX_LINES_IN_FLIGHT / 2;

/** Hands a job's lines to its sink, in order and at once, without ever throwing, waiting or growing without bound. */
export class LogWriter {
  #sink: LogSink | undefined;
  #waiting: ((sink: LogSink) => void)[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  #dropped = 0;

  /** Entries accepted and not yet answered for. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Gives the writer its sink; lines written before have waited in order. */
  open(sink: LogSink): void {
    this.#sink = sink;
    for (const start of this.#waiting) start(sink);
    this.#waiting = [];
  }

  write(line: LogLine): void {
    const limit = this.#dropped > 0 ? RESUME_AT : MAX_LINES_IN_FLIGHT;
    if (this.#inFlight.size >= limit) {
      this.#dropped += 1;
      return;
    }
    if (this.#dropped > 0) this.#markHole();
    this.#send(line);
  }

  /** Resolves when every line so far is answered for: true if all of them, and the marks of holes, are written. */
  async flush(): Promise<boolean> {
    await Promise.all(this.#inFlight);
    if (this.#dropped > 0) await this.#markHole();
    return this.#dropped === 0;
  }

  #markHole(): Promise<void> {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return this.#send({ dropped, time: Date.now() });
  }

  #send(entry: LogEntry): Promise<void> {
    const sink = this.#sink;
    const attempt = sink
      ? append(sink, entry)
      : new Promise<void>((resolve) => this.#waiting.push((opened) => resolve(append(opened, entry))));
    const settled: Promise<void> = attempt.then(
      () => {
        this.#inFlight.delete(settled);
        if (this.#dropped > 0 && this.#inFlight.size < RESUME_AT) this.#markHole();
      },
      () => {
        // Not marked from here: where Redis refuses lines it refuses marks, and the two would chase each other for ever.
        this.#inFlight.delete(settled);
        this.#dropped += "dropped" in entry ? entry.dropped : 1;
      },
    );
    this.#inFlight.add(settled);
    return settled;
  }
}

/** Runs up to the command in the caller's turn; what the sink throws becomes a rejection. */
async function append(sink: LogSink, entry: LogEntry): Promise<void> {
  await sink.append(entry);
}
