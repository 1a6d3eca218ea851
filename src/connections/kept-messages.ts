import type { WebSocketMessage } from "../protocol/message.ts";
import type { Topic } from "../protocol/topic.ts";
import type { Frame } from "./frame.ts";
import type { CatchUp } from "./history.ts";

/** A kept message when its turn to be sent has come; null when it is not kept any more. */
export type KeptMessage = () => WebSocketMessage | null;

/** Where messages are kept that whoever subscribes to their topic is sent first. */
export interface KeptMessages {
  /**
   * Somebody subscribes to a topic: what it is to be sent of it. MUST name all that was published so far, as it gets
   * what is published from now on; null for a topic of which nothing is ever kept.
   */
  subscribed(topic: Topic): KeptMessage[] | null;
}

/** For a manager without kept messages. */
export const NOTHING_KEPT: KeptMessages = { subscribed: () => null };

/** Sends what is kept, as the socket takes it, and then what else the connection has to catch up with. */
export class KeptCatchUp implements CatchUp {
  readonly #kept: KeptMessage[];
  readonly #rest: CatchUp | null;
  readonly #encode: (message: WebSocketMessage) => Frame;

  constructor(kept: KeptMessage[], rest: CatchUp | null, encode: (message: WebSocketMessage) => Frame) {
    // Taken from its end.
    this.#kept = kept.reverse();
    this.#rest = rest;
    this.#encode = encode;
  }

  get recovered(): boolean {
    return this.#rest?.recovered ?? false;
  }

  next(): Frame | "unready" | null {
    for (let kept = this.#kept.pop(); kept; kept = this.#kept.pop()) {
      const message = kept();
      if (message) return this.#encode(message);
    }
    return this.#rest?.next() ?? null;
  }

  async prepare(): Promise<void> {
    await this.#rest?.prepare();
  }

  joined(): void {
    this.#rest?.joined();
  }

  close(): void {
    this.#rest?.close();
  }
}
