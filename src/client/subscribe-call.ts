import type { Topic } from "../protocol/topic.ts";
import { BullcastClientError } from "./bullcast-client-error.ts";

/** What the server says of topics that it has subscribed. */
export interface SubscribeResult {
  /** Whether everything since the cursors handed back has been given; false when there were none. */
  recovered: boolean;
  /** Where the queues of these topics stood then. */
  cursors: Record<string, string>;
}

/** One call of `subscribe`, until the server has subscribed all its topics, by however many requests. */
export class SubscribeCall {
  readonly result: Promise<SubscribeResult>;
  readonly #topics: ReadonlySet<Topic>;
  #resolve!: (result: SubscribeResult) => void;
  #reject!: (error: Error) => void;
  #unanswered = 0;
  #answer: SubscribeResult = { recovered: true, cursors: {} };

  constructor(topics: readonly Topic[]) {
    this.#topics = new Set(topics);
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether a request for these topics is also one of this call; then its answer is waited for. */
  askedIn(topics: readonly Topic[]): boolean {
    const isCarried = topics.some((topic) => this.#topics.has(topic));
    if (isCarried) this.#unanswered += 1;
    return isCarried;
  }

  /** A request was answered; null when it was asked anew instead. */
  answered(answer: SubscribeResult | null): void {
    this.#unanswered -= 1;
    if (answer) {
      this.#answer = {
        recovered: this.#answer.recovered && answer.recovered,
        cursors: { ...this.#answer.cursors, ...answer.cursors },
      };
    }
    if (this.#unanswered === 0) {
      const { recovered, cursors } = this.#answer;
      this.#resolve({ recovered, cursors });
    }
  }

  /** The connection is gone, and with it the answers. */
  lost(): void {
    this.#unanswered = 0;
    this.#answer = { recovered: true, cursors: {} };
  }

  /** Its topics were given up before they could be asked for. */
  rejectUnlessAsked(): void {
    if (this.#unanswered > 0) return;
    this.reject(
      new BullcastClientError("CLOSED", `unsubscribed before it was subscribed: ${[...this.#topics].join(", ")}`),
    );
  }

  reject(error: Error): void {
    // Who does not wait for the result learns of it by the client's events; it must not end a process.
    this.result.catch(() => undefined);
    this.#reject(error);
  }
}
