import type { Topic } from "../protocol/topic.ts";

/** Who is subscribed to what, so that a publish touches only the subscribers of its topics. */
export class TopicIndex<Subscriber> {
  readonly #subscribers = new Map<Topic, Set<Subscriber>>();

  add(topic: Topic, subscriber: Subscriber): void {
    const subscribers = this.#subscribers.get(topic);
    if (subscribers) subscribers.add(subscriber);
    else this.#subscribers.set(topic, new Set([subscriber]));
  }

  delete(topic: Topic, subscriber: Subscriber): void {
    const subscribers = this.#subscribers.get(topic);
    subscribers?.delete(subscriber);
    // An empty set is not kept: job topics come and go for ever.
    if (subscribers?.size === 0) this.#subscribers.delete(topic);
  }

  has(topic: Topic): boolean {
    return this.#subscribers.has(topic);
  }

  /** The topics that have subscribers. */
  get topics(): Iterable<Topic> {
    return this.#subscribers.keys();
  }

  /** The subscribers of one topic. */
  of(topic: Topic): Iterable<Subscriber> {
    return this.#subscribers.get(topic) ?? [];
  }
}
