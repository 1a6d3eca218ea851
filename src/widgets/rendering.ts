import { WebSocketMessage } from "../protocol/message.ts";

/** How one part of a widget came out. */
export interface PartResult {
  state: "ready" | "error";
  /** HTML that may go into a page as it stands. */
  html: string;
}

/** What a part holds beside its HTML, roughly, bytes. */
const BYTES_PER_PART = 200;

/** One rendering of a widget: the parts of one page, named by an id that nobody can guess. */
export class Rendering {
  readonly id: string;
  readonly parts: number;
  readonly ttlMs: number;
  /** When it is let go, ms of `performance.now()`; null while somebody waits for what is not ready. */
  #expiresAtMs: number | null;
  #bytes: number;
  #left: number;
  readonly #results: (PartResult | undefined)[] = [];
  readonly #controller = new AbortController();
  readonly #waiting = new Set<() => void>();

  constructor(id: string, parts: number, ttlMs: number) {
    this.id = id;
    this.parts = parts;
    this.ttlMs = ttlMs;
    this.#left = parts;
    this.#bytes = parts * BYTES_PER_PART;
    this.#expiresAtMs = performance.now() + ttlMs;
  }

  /** What it holds in memory, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Aborted when it is let go. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  isExpiredAt(nowMs: number): boolean {
    return this.#expiresAtMs !== null && this.#expiresAtMs <= nowMs;
  }

  /** The numbers of the parts that are ready. */
  get ready(): number[] {
    return Object.keys(this.#results).map(Number);
  }

  /** How many wait for parts of it. */
  get waiting(): number {
    return this.#waiting.size;
  }

  resultOf(part: number): PartResult | undefined {
    return this.#results[part];
  }

  /** Somebody has come for it: what is under way is finished for them. */
  fetched(): void {
    if (this.#left > 0) this.#expiresAtMs = null;
  }

  /** Keeps the result of a part. */
  keep(part: number, result: PartResult): void {
    this.#results[part] = result;
    this.#bytes += Buffer.byteLength(result.html);
    this.#left -= 1;
    if (this.#left === 0) this.#expiresAtMs = performance.now() + this.ttlMs;
    this.#wake();
  }

  /** Resolves with a part's result; null when the rendering is let go before, or the wait is aborted. */
  async whenReady(part: number, signal: AbortSignal): Promise<PartResult | null> {
    while (!this.#results[part] && !this.signal.aborted && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener("abort", wake);
      });
    }
    return this.#results[part] ?? null;
  }

  /** Lets it go: what is under way is aborted. */
  abort(reason: string): void {
    this.#controller.abort(new DOMException(reason, "AbortError"));
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/** Says how a part came out. */
export function partMessage(id: string, part: number, { state, html }: PartResult): WebSocketMessage {
  return new WebSocketMessage({ type: "widget", content: { part, state, html }, meta: { widget_id: id } });
}

/** Says that what is not shown yet of a rendering will not come any more. */
export function expiredMessage(id: string): WebSocketMessage {
  return new WebSocketMessage({
    type: "widget",
    content: { part: null, state: "expired", html: null },
    meta: { widget_id: id },
  });
}
