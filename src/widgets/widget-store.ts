import { randomBytes } from "node:crypto";
import { BridgeClosedError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { WebSocketMessage } from "../protocol/message.ts";
import type { Topic } from "../protocol/topic.ts";
import { parseTopic, widgetTopic } from "../protocol/topic.ts";
import type { PartResult } from "./rendering.ts";
import { expiredMessage, partMessage, Rendering } from "./rendering.ts";

/** How often is looked for renderings whose time is over. */
const SWEEP_INTERVAL_MS = 1000;
/** 128 bits: to know an id is to be let in. */
const ID_BYTES = 16;
/** How often the log tells that renderings had to make room. */
const TELL_INTERVAL_MS = 10_000;

export interface WidgetStoreOptions {
  /** Sends a message to whoever is subscribed to the topic. */
  publish: (topic: Topic, message: WebSocketMessage) => void;
  logger: Logger;
  /** Renderings kept at a time; beyond them the oldest go. Default 10,000. */
  maxRenderings?: number;
  /** What all of them together may hold, bytes; beyond it the oldest go. Default 64 MiB. */
  maxBytes?: number;
  /** Largest HTML of one part, bytes as JSON; it must fit into one message. Default 1 MiB less some room. */
  maxPartBytes?: number;
}

/**
 * Keeps what widgets have rendered for those who come late, come back or come without JavaScript: bounded in number,
 * bytes and time. What is not kept any more is told as `expired`.
 */
export class WidgetStore {
  readonly logger: Logger;
  readonly maxPartBytes: number;
  readonly #publish: WidgetStoreOptions["publish"];
  readonly #maxRenderings: number;
  readonly #maxBytes: number;
  /** Oldest first. */
  readonly #renderings = new Map<string, Rendering>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: WidgetStoreOptions) {
    this.logger = options.logger;
    this.#publish = options.publish;
    this.#maxRenderings = options.maxRenderings ?? 10_000;
    this.#maxBytes = options.maxBytes ?? 64 * 1024 ** 2;
    this.maxPartBytes = options.maxPartBytes ?? 1024 ** 2 - 1024;
  }

  /** How many renderings are kept. */
  get size(): number {
    return this.#renderings.size;
  }

  /** What they hold, bytes, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Begins to keep a rendering.
   *
   * @throws {BridgeClosedError} when nothing is kept any more.
   */
  open(parts: number, ttlMs: number): Rendering {
    if (this.#isClosed) throw new BridgeClosedError("the widget cannot be rendered: the bridge is closed");
    const rendering = new Rendering(randomBytes(ID_BYTES).toString("base64url"), parts, ttlMs);
    this.#renderings.set(rendering.id, rendering);
    this.#bytes += rendering.bytes;
    this.#makeRoom();
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS).unref();
    return rendering;
  }

  /** Keeps the result of a part and sends it to those who wait for it; that of a rendering that was let go is dropped. */
  keep(rendering: Rendering, part: number, result: PartResult): void {
    if (!this.#renderings.has(rendering.id)) return;
    this.#bytes -= rendering.bytes;
    rendering.keep(part, result);
    this.#bytes += rendering.bytes;
    this.#publish(widgetTopic(rendering.id), partMessage(rendering.id, part, result));
    this.#makeRoom();
  }

  /** What is kept under an id, for somebody who has come for it; null when there is none (any more). */
  fetch(id: string): Rendering | null {
    const rendering = this.#renderings.get(id);
    if (!rendering || rendering.isExpiredAt(performance.now())) return null;
    rendering.fetched();
    return rendering;
  }

  /** What whoever subscribes to a topic is sent first; null when it is no widget's. */
  subscribed(topic: Topic): (() => WebSocketMessage | null)[] | null {
    const parsed = parseTopic(topic);
    if (parsed?.kind !== "widget") return null;
    const { id } = parsed;
    const rendering = this.fetch(id);
    if (!rendering) return [() => expiredMessage(id)];
    return rendering.ready.map((part) => () => {
      // Where it was let go meanwhile, that was published.
      const result = this.#renderings.get(id)?.resultOf(part);
      return result ? partMessage(id, part, result) : null;
    });
  }

  /** Lets everything go and aborts what is under way. */
  close(): void {
    this.#isClosed = true;
    for (const rendering of [...this.#renderings.values()]) this.#letGo(rendering, "the bridge is closed");
  }

  #makeRoom(): void {
    for (const rendering of this.#renderings.values()) {
      if (this.size <= this.#maxRenderings && this.#bytes <= this.#maxBytes) return;
      this.#tellPressure();
      this.#letGo(rendering, "too much is kept of widgets");
    }
  }

  #tellPressure(): void {
    const nowMs = performance.now();
    if (nowMs - this.#toldAtMs < TELL_INTERVAL_MS) return;
    this.#toldAtMs = nowMs;
    this.logger.warn(
      { renderings: this.size, bytes: this.#bytes },
      "too much is kept of widgets: the oldest renderings are let go, and their pages told so",
    );
  }

  #sweep(): void {
    const nowMs = performance.now();
    for (const rendering of this.#renderings.values()) {
      if (rendering.isExpiredAt(nowMs)) this.#letGo(rendering, "nobody came for it in time");
    }
  }

  #letGo(rendering: Rendering, reason: string): void {
    this.#renderings.delete(rendering.id);
    this.#bytes -= rendering.bytes;
    rendering.abort(reason);
    this.#publish(widgetTopic(rendering.id), expiredMessage(rendering.id));
    if (this.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
