import type { Topic } from "../protocol/topic.ts";
import { jobTopic, parseTopic, TOPIC_FORMS } from "../protocol/topic.ts";
import { BullcastClientError } from "./bullcast-client-error.ts";
import type { ServerMessage } from "./server-message.ts";
import { isType, jobOf } from "./server-message.ts";
import { MAX_TOPICS } from "./subscribe-plan.ts";

interface Wanted {
  /** Whether the application asked for it by name. */
  isNamed: boolean;
  /** How many watches need it. */
  holds: number;
  /** The last request that asked for it. */
  askedIn: string | null;
  /** Whether the server has answered that request, so that the newest cursors hold for this topic too. */
  isConfirmed: boolean;
  /** Whether its queue had a gap and the snapshot that makes up for it has not come yet. */
  isDoubtful: boolean;
}

/** The topics that are to be subscribed, and how far the server has got with each. */
export class WantedTopics {
  readonly #topics = new Map<Topic, Wanted>();

  get size(): number {
    return this.#topics.size;
  }

  has(topic: Topic): boolean {
    return this.#topics.has(topic);
  }

  /** Notes that the application asks for topics by name: for all of them, or, when one cannot be, for none. */
  name(topics: readonly Topic[]): void {
    const added = new Set(topics.filter((topic) => !this.#topics.has(topic)));
    for (const topic of added) checkTopic(topic);
    this.#checkRoom(added.size);
    for (const topic of topics) this.#add(topic).isNamed = true;
  }

  /** Takes that back; answers whether the topic is not wanted any more, by a watch neither. */
  unname(topic: Topic): boolean {
    const wanted = this.#topics.get(topic);
    if (wanted) wanted.isNamed = false;
    return this.#dropIdle(topic, wanted);
  }

  /** Notes that a watch needs a topic; answers whether nobody did before. */
  hold(topic: Topic): boolean {
    const isNew = !this.#topics.has(topic);
    if (isNew) {
      checkTopic(topic);
      this.#checkRoom(1);
    }
    this.#add(topic).holds += 1;
    return isNew;
  }

  /** Takes one such need back; answers whether the topic is not wanted any more. */
  release(topic: Topic): boolean {
    const wanted = this.#topics.get(topic);
    if (wanted && wanted.holds > 0) wanted.holds -= 1;
    return this.#dropIdle(topic, wanted);
  }

  /** Forgets topics that the server refuses. */
  drop(topics: readonly Topic[]): void {
    for (const topic of topics) this.#topics.delete(topic);
  }

  asked(topics: readonly Topic[], requestId: string): void {
    for (const topic of topics) {
      const wanted = this.#topics.get(topic);
      if (wanted) wanted.askedIn = requestId;
    }
  }

  /** Only the answer to the last request counts: before that one the topic may have been given up for a moment. */
  confirmed(topics: readonly Topic[], requestId: string): void {
    for (const topic of topics) {
      const wanted = this.#topics.get(topic);
      if (wanted?.askedIn === requestId) wanted.isConfirmed = true;
    }
  }

  /** These begin anew: the newest cursors do not hold for them. */
  unconfirm(topics: readonly Topic[]): void {
    for (const topic of topics) {
      const wanted = this.#topics.get(topic);
      if (wanted) Object.assign(wanted, { isConfirmed: false, isDoubtful: false });
    }
  }

  /** Jobs of a queue with a gap cannot be resumed until their snapshots have come: messages after the gap bear cursors too. */
  receive(message: ServerMessage): void {
    if (isType(message, "gap")) {
      const { queue } = message.content;
      for (const [topic, wanted] of this.#topics) {
        const parsed = parseTopic(topic);
        if (parsed?.kind === "job" && (queue === null || parsed.queue === queue)) wanted.isDoubtful = true;
      }
    } else if (isType(message, "snapshot") || isType(message, "task_removed")) {
      const job = jobOf(message);
      const wanted = job && this.#topics.get(jobTopic(job.queue, job.id));
      if (wanted) wanted.isDoubtful = false;
    }
  }

  /** The topics that the newest cursors hold for, and the others. */
  split(): { established: Topic[]; fresh: Topic[] } {
    const established: Topic[] = [];
    const fresh: Topic[] = [];
    for (const [topic, { isConfirmed, isDoubtful }] of this.#topics) {
      if (isConfirmed && !isDoubtful) established.push(topic);
      else fresh.push(topic);
    }
    return { established, fresh };
  }

  #add(topic: Topic): Wanted {
    let wanted = this.#topics.get(topic);
    if (!wanted) {
      wanted = { isNamed: false, holds: 0, askedIn: null, isConfirmed: false, isDoubtful: false };
      this.#topics.set(topic, wanted);
    }
    return wanted;
  }

  #dropIdle(topic: Topic, wanted: Wanted | undefined): boolean {
    if (!wanted || wanted.isNamed || wanted.holds > 0) return false;
    return this.#topics.delete(topic);
  }

  #checkRoom(added: number): void {
    if (this.#topics.size + added <= MAX_TOPICS) return;
    throw new BullcastClientError("TOO_MANY_TOPICS", `at most ${MAX_TOPICS} topics on one connection`);
  }
}

function checkTopic(topic: Topic): void {
  if (parseTopic(topic) !== null) return;
  throw new BullcastClientError("INVALID_TOPIC", `expected ${TOPIC_FORMS}, given "${topic}"`);
}
