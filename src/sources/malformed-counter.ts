import type { Logger } from "../logger.ts";

/** Malformed inputs that are logged one by one; of the further ones every hundredth, so that a flood fills no disk. */
const LOGGED_SINGLY = 10;

/** Counts what could not be read, and logs it without ever flooding the log. */
export class MalformedCounter {
  count = 0;
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(details: { reason: string } & Record<string, unknown>): void {
    this.count += 1;
    if (this.count > LOGGED_SINGLY && this.count % 100 !== 0) return;
    this.#logger.warn({ ...details, malformed: this.count }, "malformed input passed over");
  }
}
