import type { IncomingMessage } from "node:http";
import type { Refusal } from "../auth/access.ts";
import type { Logger } from "../logger.ts";

/** Refusals are anybody's to cause, so the log tells of them at most this often. */
const INTERVAL_MS = 10_000;

/** Tells the operator that requests are refused, and why, without letting strangers fill the log. */
export class RefusalLog {
  readonly #logger: Logger;
  #silentUntil = 0;
  #untold = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(request: IncomingMessage, { status, detail }: Refusal): void {
    const address = request.socket.remoteAddress;
    this.#logger.debug({ address, status, detail }, "refused");
    this.#untold += 1;
    if (Date.now() < this.#silentUntil) return;
    this.#logger.warn(
      { address, status, detail, count: this.#untold },
      "requests are refused; the newest one's reason",
    );
    this.#silentUntil = Date.now() + INTERVAL_MS;
    this.#untold = 0;
  }
}
