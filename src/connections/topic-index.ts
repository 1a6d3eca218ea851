import type { Topic } from "../protocol/topic.ts";
import type { Frame } from "./frame.ts";

/** Bytes of frames in a row for the same subscribers from which on they are handed on. */
const MAX_REPEATED_BYTES = 16 * 1024;

/** Whoever can be subscribed to a topic. */
export interface Subscriber {
  /** Number of what was last handed to it. */
  lastPublish: number;
  /** Takes a frame; false when it cannot. MUST NOT publish: others are in the middle of being handed theirs. */
  take(frame: Frame): boolean;
}

/** The latest publish, and frames for the same subscribers that came right after it. */
interface Latest<Each> {
  audience: readonly ReadonlySet<Each>[];
  reached: number;
  repeated: Frame[];
  repeatedBytes: number;
  /** How many of those reached have not been handed the repeated frames yet; more of them may come while all have not. */
  left: number;
}

/**
 * Who is subscribed to what, so that a publish touches only the subscribers of its topics. Frames in a row for the same
 * subscribers are handed to each together, as to look at thousands of them costs more than what is done to each.
 * Whatever else is done to one of them MUST come after `settle()`.
 */
export class TopicIndex<Each extends Subscriber> {
  readonly #subscribers = new Map<Topic, Set<Each>>();
  #latest: Latest<Each> | null = null;
  /**
   * Numbers publishes: a frame goes once to who is subscribed to several of its topics. Whose `lastPublish` is that of the
   * latest has not been handed what was repeated.
   */
  #number = 0;

  add(topic: Topic, subscriber: Each): void {
    this.#settleAll();
    const subscribers = this.#subscribers.get(topic);
    if (subscribers) subscribers.add(subscriber);
    else this.#subscribers.set(topic, new Set([subscriber]));
  }

  delete(topic: Topic, subscriber: Each): void {
    this.#settleAll();
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
  of(topic: Topic): Iterable<Each> {
    return this.#subscribers.get(topic) ?? [];
  }

  /** Hands a frame once to each subscriber of any of the topics, but for those excepted; answers to how many. */
  publish(frame: Frame, topics: readonly Topic[], except: ReadonlySet<Each> | null): number {
    const audience: ReadonlySet<Each>[] = [];
    for (const topic of topics) {
      const subscribers = this.#subscribers.get(topic);
      if (subscribers) audience.push(subscribers);
    }
    const latest = this.#latest;
    if (latest && !except && isOpen(latest) && isSame(latest.audience, audience)) {
      latest.repeated.push(frame);
      latest.repeatedBytes += frame.bytes.length;
      return latest.reached;
    }
    this.#settleAll();
    const reached = this.#handOn(frame, audience, except);
    if (reached > 0 && !except) this.#latest = { audience, reached, repeated: [], repeatedBytes: 0, left: reached };
    return reached;
  }

  /** Hands a subscriber what has been published and not been handed to it yet. */
  settle(subscriber: Each): void {
    const latest = this.#latest;
    if (!latest || subscriber.lastPublish !== this.#number) return;
    latest.left -= 1;
    if (latest.left === 0) this.#latest = null;
    handRepeated(latest.repeated, subscriber);
  }

  #settleAll(): void {
    const latest = this.#latest;
    if (!latest) return;
    this.#latest = null;
    for (const subscribers of latest.audience) {
      for (const subscriber of subscribers) {
        if (subscriber.lastPublish === this.#number) handRepeated(latest.repeated, subscriber);
      }
    }
  }

  #handOn(frame: Frame, audience: Latest<Each>["audience"], except: ReadonlySet<Each> | null): number {
    let reached = 0;
    this.#number += 1;
    for (const subscribers of audience) {
      for (const subscriber of subscribers) {
        if (subscriber.lastPublish === this.#number) continue;
        subscriber.lastPublish = this.#number;
        if (except?.has(subscriber)) continue;
        if (subscriber.take(frame)) reached += 1;
        // It is not among those who get what is repeated, and must not be counted as one of them.
        else subscriber.lastPublish = 0;
      }
    }
    return reached;
  }
}

function isOpen<Each>({ left, reached, repeatedBytes }: Latest<Each>): boolean {
  return left === reached && repeatedBytes < MAX_REPEATED_BYTES;
}

function handRepeated(frames: readonly Frame[], subscriber: Subscriber): void {
  subscriber.lastPublish = 0;
  for (const frame of frames) if (!subscriber.take(frame)) return;
}

function isSame(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.length === others.length && some.every((subscribers, index) => subscribers === others[index]);
}
