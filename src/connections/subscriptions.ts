import { BullcastError, InvalidMessageError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { MAX_TOPICS } from "../protocol/client-message.ts";
import { CLOSE_CODE } from "../protocol/close-code.ts";
import type { MessageMeta, WebSocketMessage } from "../protocol/message.ts";
import type { Topic } from "../protocol/topic.ts";
import { MAX_TOPIC_LENGTH, maskTopic } from "../protocol/topic.ts";
import type { RequestId } from "./client-message-router.ts";
import { withRequest } from "./client-message-router.ts";
import type { Connection } from "./connection.ts";
import type { Frame } from "./frame.ts";
import type { CatchUp, History } from "./history.ts";
import { NO_HISTORY } from "./history.ts";
import type { KeptMessages } from "./kept-messages.ts";
import { KeptCatchUp, NOTHING_KEPT } from "./kept-messages.ts";
import { TopicIndex } from "./topic-index.ts";

/** Frames sent to connections that catch up before other work gets its turn, to all together and to one in a row. */
const FRAMES_PER_TURN = 2000;
const FRAMES_IN_A_ROW = 100;
/** The same in bytes for one, which its outbox holds for a moment. */
const BYTES_IN_A_ROW = 64 * 1024;
/** How long a connection may take to catch up; one that is slower than that is closed and resumes where it was. */
const MAX_CATCH_UP_MS = 120_000;
/**
 * Requests that may wait for a catch-up to end, and characters of all their topics and cursors: as many topics as a
 * connection may have, of any length, and the cursors of some hundred queues.
 */
const MAX_WAITING_REQUESTS = 1000;
const MAX_WAITING_CHARACTERS = MAX_TOPICS * MAX_TOPIC_LENGTH + 64 * 1024;

/** A connection that is being brought to the present. */
interface CatchingUp {
  catchUp: CatchUp;
  topics: readonly Topic[];
  requestId: RequestId | undefined;
  /** When the first of the past was sent, later by what it waited for Redis since; null before that. */
  startedAt: number | null;
  isPreparing: boolean;
  /** What the client asked for meanwhile; carried out in order afterwards. */
  waiting: WaitingRequest[];
}

interface WaitingRequest {
  run: () => void;
  requestId: RequestId | undefined;
  /** How much its topics and cursors hold. */
  characters: number;
}

/** How messages get to connections, and are counted. */
export interface Delivery {
  deliver(connection: Connection, frame: Frame): boolean;
  send(connection: Connection, type: string, content: unknown, meta?: MessageMeta): void;
  encode(message: WebSocketMessage): Frame;
}

/**
 * Who is subscribed to what. A connection that wants the past is not in the index yet: its catch-up is pulled as its
 * socket drains, so nothing is held for it, and it joins in the turn in which it reaches the present.
 */
export class Subscriptions {
  readonly index = new TopicIndex<Connection>();
  /** Where the past of the queues is asked for. */
  history: History = NO_HISTORY;
  /** Where is asked for what is kept of other topics. */
  kept: KeptMessages = NOTHING_KEPT;
  readonly #delivery: Delivery;
  readonly #logger: Logger;
  readonly #catchingUp = new Map<Connection, CatchingUp>();
  /** Those of them whose sockets take more. */
  readonly #ready = new Set<Connection>();
  #isScheduled = false;

  constructor(delivery: Delivery, logger: Logger) {
    this.#delivery = delivery;
    this.#logger = logger;
  }

  /**
   * Adds topics to a connection, after bringing it to the present, and says so with `subscribed`.
   *
   * @throws {InvalidMessageError} when the connection would have more than `MAX_TOPICS` topics, or hands back cursors
   * although it is subscribed to something.
   * @throws {InvalidCursorError} when a cursor cannot be read.
   */
  subscribe(
    connection: Connection,
    topics: readonly Topic[],
    since: readonly string[] | null,
    requestId: RequestId | undefined,
  ): void {
    const run = () => this.#subscribe(connection, topics, since, requestId);
    const characters = lengthOf(topics) + lengthOf(since ?? []);
    if (!this.#waits(connection, { run, requestId, characters })) run();
  }

  /** Takes topics from a connection and says so with `unsubscribed`; topics it does not have are no error. */
  unsubscribe(connection: Connection, topics: readonly Topic[], requestId: RequestId | undefined): void {
    const run = () => this.#unsubscribe(connection, topics, requestId);
    if (!this.#waits(connection, { run, requestId, characters: lengthOf(topics) })) run();
  }

  /** The cursors of what a connection is subscribed to; none while it catches up, as it is not there yet. */
  cursorsOf(connection: Connection): Record<string, string> {
    return this.#catchingUp.has(connection) ? {} : this.history.cursors(connection.topics);
  }

  /** Names what `cursorsOf` answers: connections of the same key get the same cursors. */
  cursorsKeyOf(connection: Connection): string {
    return this.#catchingUp.has(connection) ? "" : JSON.stringify([...connection.topics]);
  }

  /** The socket of a connection takes more. */
  writable(connection: Connection): void {
    const state = this.#catchingUp.get(connection);
    if (state && !state.isPreparing) this.#schedule(connection);
  }

  /** The connection is gone. */
  remove(connection: Connection): void {
    this.#catchingUp.get(connection)?.catchUp.close();
    this.#catchingUp.delete(connection);
    this.#ready.delete(connection);
    for (const topic of connection.topics) this.index.delete(topic, connection);
    this.history.interestChanged();
  }

  #subscribe(
    connection: Connection,
    topics: readonly Topic[],
    since: readonly string[] | null,
    requestId: RequestId | undefined,
  ): void {
    if (since && connection.topics.size > 0) {
      throw new InvalidMessageError(
        "since: expected only in the URL or in the first subscribe of a connection opened with watch=none",
      );
    }
    if (new Set([...connection.topics, ...topics]).size > MAX_TOPICS) {
      throw new InvalidMessageError(`topics: expected at most ${MAX_TOPICS} on one connection`);
    }
    const catchUp = this.#withKept(connection, topics, this.history.catchUp(connection, topics, since));
    for (const topic of topics) connection.topics.add(topic);
    connection.topicChanges += 1;
    if (this.#isGone(connection)) return catchUp?.close();
    if (!catchUp) return this.#join(connection, topics, false, requestId);
    this.#catchingUp.set(connection, { catchUp, topics, requestId, startedAt: null, isPreparing: false, waiting: [] });
    this.#advance(connection);
  }

  /** What is kept is sent at once, and its topics joined, even while Redis is being waited for on behalf of others. */
  #withKept(connection: Connection, topics: readonly Topic[], catchUp: CatchUp | null): CatchUp | null {
    const kept = topics.flatMap((topic) => {
      const messages = this.kept.subscribed(topic);
      if (messages) this.index.add(topic, connection);
      return messages ?? [];
    });
    if (kept.length === 0) return catchUp;
    return new KeptCatchUp(kept, catchUp, (message) => this.#delivery.encode(message));
  }

  #unsubscribe(connection: Connection, topics: readonly Topic[], requestId: RequestId | undefined): void {
    for (const topic of topics) {
      connection.topics.delete(topic);
      this.index.delete(topic, connection);
    }
    connection.topicChanges += 1;
    this.#delivery.send(connection, "unsubscribed", { topics }, withRequest(requestId));
    this.#logger.debug({ clientId: connection.clientId, topics: topics.map(maskTopic) }, "unsubscribed");
    this.history.interestChanged();
  }

  #waits(connection: Connection, request: WaitingRequest): boolean {
    const waiting = this.#catchingUp.get(connection)?.waiting;
    if (!waiting) return false;
    const characters = waiting.reduce((sum, other) => sum + other.characters, request.characters);
    if (waiting.length >= MAX_WAITING_REQUESTS || characters > MAX_WAITING_CHARACTERS) {
      throw new InvalidMessageError(
        `at most ${MAX_WAITING_REQUESTS} requests, and ${MAX_WAITING_CHARACTERS} characters of their topics and cursors, can wait until a connection has caught up`,
      );
    }
    waiting.push(request);
    return true;
  }

  #schedule(connection: Connection): void {
    this.#ready.add(connection);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#run());
  }

  /** One turn: those that are ready get their frames round by round. */
  #run(): void {
    this.#isScheduled = false;
    let left = FRAMES_PER_TURN;
    for (const connection of this.#ready) {
      if (left <= 0) break;
      this.#ready.delete(connection);
      left -= 1 + this.#advance(connection);
    }
    const [waiting] = this.#ready;
    if (waiting) this.#schedule(waiting);
  }

  /** Sends what the socket takes, up to a bound; answers how many frames that were. */
  #advance(connection: Connection): number {
    const state = this.#catchingUp.get(connection);
    if (!state || !connection.isOpen) return 0;
    const now = performance.now();
    if (now - (state.startedAt ?? now) > MAX_CATCH_UP_MS) {
      connection.close(
        CLOSE_CODE.slowConsumer,
        "slow consumer: catching up took too long, reconnect with your cursors",
      );
      return 0;
    }
    // What was delivered before goes first; a socket that is full says when it has drained.
    connection.flush();
    if (!connection.isWritable) return 0;
    let sent = 0;
    for (; sent < FRAMES_IN_A_ROW && connection.outbox.bytes < BYTES_IN_A_ROW; sent += 1) {
      if (connection.outbox.isHalfFull) connection.flush();
      if (connection.outbox.isHalfFull) return sent;
      const frame = state.catchUp.next();
      if (frame === "unready") {
        this.#prepare(connection, state);
        return sent;
      }
      if (frame === null) {
        this.#caughtUp(connection, state);
        return sent;
      }
      state.startedAt ??= now;
      if (!this.#delivery.deliver(connection, frame)) return sent;
    }
    connection.flush();
    if (connection.isWritable) this.#schedule(connection);
    return sent;
  }

  #prepare(connection: Connection, state: CatchingUp): void {
    state.isPreparing = true;
    const askedAt = performance.now();
    void state.catchUp.prepare().then(() => {
      state.isPreparing = false;
      // Where Redis is slow, the client is not.
      if (state.startedAt !== null) state.startedAt += performance.now() - askedAt;
      if (this.#catchingUp.get(connection) === state) this.#advance(connection);
    });
  }

  #caughtUp(connection: Connection, { catchUp, topics, requestId, waiting }: CatchingUp): void {
    this.#catchingUp.delete(connection);
    this.#join(connection, topics, catchUp.recovered, requestId);
    catchUp.joined();
    catchUp.close();
    for (const [index, request] of waiting.entries()) {
      if (!connection.isOpen) return;
      try {
        request.run();
      } catch (error) {
        if (!(error instanceof BullcastError)) throw error;
        const content = { code: "bad_message", message: error.message };
        this.#delivery.send(connection, "error", content, withRequest(request.requestId));
      }
      // It catches up again: the rest waits for that.
      const next = this.#catchingUp.get(connection);
      if (next) return void next.waiting.push(...waiting.slice(index + 1));
    }
  }

  #join(connection: Connection, topics: readonly Topic[], recovered: boolean, requestId: RequestId | undefined): void {
    for (const topic of topics) this.index.add(topic, connection);
    if (this.#isGone(connection)) return;
    const content = { topics, recovered, cursors: this.history.cursors(topics) };
    this.#delivery.send(connection, "subscribed", content, withRequest(requestId));
    this.#logger.debug({ clientId: connection.clientId, topics: topics.map(maskTopic), recovered }, "subscribed");
    this.history.interestChanged();
  }

  /** It may have been closed, for want of room, as it was handed what had been published before: then it leaves nothing. */
  #isGone(connection: Connection): boolean {
    this.index.settle(connection);
    if (connection.isOpen) return false;
    for (const topic of connection.topics) this.index.delete(topic, connection);
    return true;
  }
}

function lengthOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}
