import type { Topic } from "../protocol/topic.ts";
import { ALL_TOPIC, parseTopic } from "../protocol/topic.ts";
import type { ServerMessage } from "./server-message.ts";
import { isType } from "./server-message.ts";

/** The newest cursor of each queue: the one received last, as cursors cannot be compared. */
export class CursorBook {
  readonly #newest = new Map<string, string>();

  /** Keeps the cursors of a message. Those of a ping are left out while the past is still being told: they are ahead of it. */
  note(message: ServerMessage, { isCatchingUp }: { isCatchingUp: boolean }): void {
    const { queue, cursor, cursors } = message.meta;
    if (typeof queue === "string" && typeof cursor === "string") this.#newest.set(queue, cursor);
    if (isType(message, "subscribed")) this.#noteAll(message.content.cursors);
    if (isType(message, "ping") && !isCatchingUp) this.#noteAll(cursors);
  }

  /** The cursors of the queues that these topics cover. */
  since(topics: Iterable<Topic>): Map<string, string> {
    const since = new Map<string, string>();
    for (const topic of topics) {
      if (topic === ALL_TOPIC) return new Map(this.#newest);
      const parsed = parseTopic(topic);
      if (parsed?.kind !== "queue" && parsed?.kind !== "job") continue;
      const cursor = this.#newest.get(parsed.queue);
      if (cursor !== undefined) since.set(parsed.queue, cursor);
    }
    return since;
  }

  forget(queues: Iterable<string>): void {
    for (const queue of queues) this.#newest.delete(queue);
  }

  #noteAll(cursors: unknown): void {
    if (typeof cursors !== "object" || cursors === null) return;
    for (const [queue, cursor] of Object.entries(cursors)) {
      if (typeof cursor === "string") this.#newest.set(queue, cursor);
    }
  }
}
