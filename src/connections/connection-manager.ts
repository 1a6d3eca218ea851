import type { z } from "zod";
import { BullcastError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { CLOSE_CODE } from "../protocol/close-code.ts";
import type { MessageFields, MessageMeta } from "../protocol/message.ts";
import { WebSocketMessage } from "../protocol/message.ts";
import type { Topic } from "../protocol/topic.ts";
import { maskTopic } from "../protocol/topic.ts";
import type { MessageHandler } from "./client-message-router.ts";
import { ClientMessageRouter, withRequest } from "./client-message-router.ts";
import { ClosingConnections } from "./closing-connections.ts";
import type { ConnectionObserver } from "./connection.ts";
import { Connection } from "./connection.ts";
import { checkCustomMessage } from "./custom-message.ts";
import { Flusher } from "./flusher.ts";
import type { Frame } from "./frame.ts";
import { encodeBounded, encodeFrame } from "./frame.ts";
import { greeting } from "./greeting.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { History } from "./history.ts";
import type { KeptMessages } from "./kept-messages.ts";
import type { ConnectionManagerOptions, OpenOptions } from "./options.ts";
import type { BacklogTotal, OutboxLimits, OutboxSize } from "./outbox.ts";
import { Outbox } from "./outbox.ts";
import { Pinger } from "./pinger.ts";
import type { RegistryObserver } from "./registry-observer.ts";
import { NOBODY } from "./registry-observer.ts";
import { Statistics } from "./statistics.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { Transport } from "./transport.ts";

/** Largest part of an outbox's bytes that one message may take. */
export const MAX_SHARE_OF_OUTBOX = 1 / 4;

/** What every connection is subscribed to, whatever it watches; no client can name it. */
const EVERYBODY = "everybody";

/** Registry of connections: delivery to all, to one, to topics; heartbeat; statistics. Knows nothing of BullMQ. */
export class ConnectionManager {
  readonly statistics = new Statistics();
  readonly #options: ConnectionManagerOptions;
  readonly #logger: Logger;
  readonly #connections = new Map<string, Connection>();
  readonly #closing = new ClosingConnections();
  readonly #subscriptions: Subscriptions;
  readonly #router: ClientMessageRouter;
  readonly #heartbeat: Heartbeat;
  readonly #pinger: Pinger;
  readonly #flusher: Flusher;
  readonly #limits: OutboxLimits;
  readonly #backlogTotal: BacklogTotal;
  readonly #observer: ConnectionObserver;
  #registryObserver = NOBODY;

  constructor(options: ConnectionManagerOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#limits = { maxMessages: options.maxQueueSize, maxBytes: options.maxQueueBytes };
    this.#backlogTotal = { bytes: 0, maxBytes: options.maxTotalQueueBytes };
    this.#flusher = new Flusher(options.maxFlushDelayMs);
    const deliver = (connection: Connection, frame: Frame) => this.#deliver(connection, frame);
    const encode = (message: WebSocketMessage) => this.encode(message);
    this.#subscriptions = new Subscriptions(
      { deliver, encode, send: (...told) => this.#send(...told) },
      options.logger,
    );
    this.#pinger = new Pinger(this.statistics, options, deliver);
    this.#observer = {
      settle: (connection) => this.#subscriptions.index.settle(connection),
      pending: (connection) => this.#flusher.add(connection),
      waits: (connection) => this.#flusher.waits(connection),
      fellBehind: () => this.#boundBacklogs(),
      overflowed: (connection, dropped) => this.#overflowed(connection, dropped),
      drained: (connection) => this.#heartbeat.sawLife(connection),
      writable: (connection) => {
        this.#flusher.delete(connection);
        this.#subscriptions.writable(connection);
      },
      closing: (connection, code, reason) => this.#unregister(connection, code, reason),
    };
    this.#router = new ClientMessageRouter(
      {
        pong: (connection, pingId) => this.#pinger.pong(connection, pingId),
        reply: (connection, type, content, requestId) => this.#send(connection, type, content, withRequest(requestId)),
        subscribe: (...request) => this.#subscriptions.subscribe(...request),
        unsubscribe: (...request) => this.#subscriptions.unsubscribe(...request),
      },
      options.logger,
    );
    this.#heartbeat = new Heartbeat(
      { intervalSeconds: options.heartbeatInterval, timeoutSeconds: options.heartbeatTimeout },
      { ping: (due) => this.#pinger.ping(due, this.#subscriptions), cut: (silent) => this.#cut(silent) },
    );
    if (options.enableHeartbeat) this.#heartbeat.start();
  }

  /** The open connections. */
  get connections(): Iterable<Connection> {
    return this.#connections.values();
  }

  /** What waits in all outboxes together. */
  get outboxes(): OutboxSize {
    return this.#flusher.waiting;
  }

  /** Sets who hears of those who come and go. */
  useRegistryObserver(observer: RegistryObserver): void {
    this.#registryObserver = observer;
  }

  /** Sets where the past of the queues is asked for. */
  useHistory(history: History): void {
    this.#subscriptions.history = history;
  }

  /** Sets where is asked for what is kept of a topic for whoever subscribes to it. */
  useKeptMessages(kept: KeptMessages): void {
    this.#subscriptions.kept = kept;
  }

  /**
   * Registers the handler of one custom type of client message; its content is checked by the schema first.
   *
   * @throws {InvalidHandlerError} when the type is the protocol's own, malformed, or already handled.
   */
  onMessage<Content>(type: string, schema: z.ZodType<Content>, handler: MessageHandler<Content>): void {
    this.#router.register(type, schema, handler);
  }

  /**
   * Takes a new socket in and greets it. A connection of the same client id and principal is replaced (4409); the id
   * of somebody else is refused (4403), as messages sent to it are meant for its owner.
   */
  open(transport: Transport, options: OpenOptions): Connection {
    const { topics, since } = options;
    const outbox = new Outbox(this.#limits, this.statistics.messages, this.#backlogTotal);
    const connection = new Connection(transport, options, outbox, this.#observer);
    const former = this.#connections.get(connection.clientId);
    if (former && former.principal?.id !== connection.principal?.id) {
      this.#closing.add(connection);
      connection.close(CLOSE_CODE.forbidden, "this client id is in use by somebody else");
      return connection;
    }
    former?.close(CLOSE_CODE.replaced, "replaced by a newer connection of the same client id");
    this.#connections.set(connection.clientId, connection);
    this.#subscriptions.index.add(EVERYBODY, connection);
    this.#heartbeat.add(connection);
    this.statistics.connectionOpened();
    this.#registryObserver.opened(connection);
    this.#logger.debug({ clientId: connection.clientId, address: connection.remoteAddress, topics }, "connected");
    this.#send(connection, "connected", greeting(options, this.#options));
    if (topics.length > 0) this.#subscribeAtStart(connection, topics, since);
    // In the same turn: whoever has sent its first frames along with the upgrade may be closing already.
    connection.flush();
    return connection;
  }

  #subscribeAtStart(connection: Connection, topics: readonly Topic[], since: readonly string[] | null): void {
    try {
      this.#subscriptions.subscribe(connection, topics, since, undefined);
    } catch (error) {
      if (!(error instanceof BullcastError)) throw error;
      this.#send(connection, "error", { code: "bad_message", message: error.message });
      connection.close(CLOSE_CODE.badMessage, error.message);
    }
  }

  /** The transport's socket is gone, for whatever reason. */
  remove(connection: Connection): void {
    const { isOpen } = connection;
    connection.markClosed();
    if (isOpen) this.#unregister(connection, null, "the socket closed");
    this.#closing.delete(connection);
  }

  /** The transport received a frame. */
  receive(connection: Connection, data: Buffer, isBinary: boolean): void {
    if (!connection.isOpen) return;
    this.statistics.messages.in += 1;
    this.#heartbeat.sawLife(connection);
    this.#router.receive(connection, data, isBinary);
  }

  /** The transport received a sign of life that is no message: a protocol ping or pong. */
  sawLife(connection: Connection): void {
    this.#heartbeat.sawLife(connection);
  }

  /** Encodes a message once for all who will get it; what is too large for an outbox goes without its content. */
  encode(message: WebSocketMessage): Frame {
    return encodeBounded(message, this.#options.maxQueueBytes * MAX_SHARE_OF_OUTBOX);
  }

  /** Whether anybody is subscribed to any of the topics. */
  isWatched(topics: readonly Topic[]): boolean {
    return topics.some((topic) => this.#subscriptions.index.has(topic));
  }

  /** The topics somebody is subscribed to. */
  *topics(): Iterable<Topic> {
    for (const topic of this.#subscriptions.index.topics) if (topic !== EVERYBODY) yield topic;
  }

  /** Sends a frame once to each subscriber of any of the topics, but for those excepted; answers to how many. */
  publish(frame: Frame, topics: readonly Topic[], except: ReadonlySet<Connection> | null = null): number {
    const reached = this.#subscriptions.index.publish(frame, topics, except);
    this.statistics.messagesSent(frame.type, reached);
    return reached;
  }

  /** The connections subscribed to any of the topics. */
  subscribers(topics: readonly Topic[]): Set<Connection> {
    return new Set(topics.flatMap((topic) => [...this.#subscriptions.index.of(topic)]));
  }

  /**
   * Sends an application's message to one client, or to all of them; answers how many it reached.
   *
   * @throws {InvalidMessageError} when its type is malformed or the protocol's own, its meta has a `cursor`, or it
   * cannot be written as JSON.
   */
  notify(fields: MessageFields, { clientId }: { clientId?: string | undefined } = {}): number {
    checkCustomMessage(fields);
    const frame = encodeFrame(new WebSocketMessage(fields));
    if (clientId === undefined) return this.publish(frame, [EVERYBODY]);
    const connection = this.#connections.get(clientId);
    return connection && this.#deliver(connection, frame) ? 1 : 0;
  }

  /** Writes what was delivered in this turn now instead of at its end. */
  flush(): void {
    this.#flusher.flush();
  }

  has(clientId: string): boolean {
    return this.#connections.has(clientId);
  }

  /** Disconnects one client (4410); false when there is none of that id. */
  disconnect(clientId: string): boolean {
    const connection = this.#connections.get(clientId);
    connection?.close(CLOSE_CODE.disconnected, "disconnected by an administrator");
    return connection !== undefined;
  }

  /** Closes every connection (1001); resolves when all sockets are gone, at the latest after about a second. */
  async close(): Promise<void> {
    this.#heartbeat.stop();
    for (const connection of [...this.#connections.values()]) connection.close(CLOSE_CODE.goingAway, "shutting down");
    await this.#closing.end();
  }

  /** From here on the connection is not served any more; its socket may take a moment to close. */
  #unregister(connection: Connection, code: number | null, reason: string): void {
    this.#closing.add(connection);
    this.#flusher.delete(connection);
    if (this.#connections.get(connection.clientId) !== connection) return;
    this.#connections.delete(connection.clientId);
    this.#subscriptions.index.delete(EVERYBODY, connection);
    this.#heartbeat.delete(connection);
    this.#subscriptions.remove(connection);
    this.statistics.connectionClosed();
    this.#registryObserver.closed(connection, code, reason);
    this.#logger.debug({ clientId: connection.clientId, code, reason }, "disconnected");
  }

  /** All together have too much waiting: the one furthest behind makes room. */
  #boundBacklogs(): void {
    while (this.#backlogTotal.bytes > this.#backlogTotal.maxBytes) {
      const furthest = this.#flusher.furthestBehind;
      if (!furthest) return;
      furthest.closeSlow(0);
    }
  }

  #overflowed(connection: Connection, dropped: number): void {
    this.statistics.messages.dropped += dropped;
    this.#logger.warn(
      { clientId: connection.clientId, dropped, topics: [...connection.topics].map(maskTopic) },
      "slow consumer: its outbox is full, so it is disconnected (4290); it recovers by reconnecting with its cursors",
    );
  }

  #cut(connection: Connection): void {
    this.statistics.heartbeat.timeouts += 1;
    this.#logger.info({ clientId: connection.clientId }, "no sign of life: disconnected (4408)");
    connection.close(CLOSE_CODE.heartbeatTimeout, "no sign of life within the heartbeat timeout");
  }

  #send(connection: Connection, type: string, content: unknown, meta: MessageMeta = {}): void {
    this.#deliver(connection, encodeFrame(new WebSocketMessage({ type, content, meta })));
  }

  #deliver(connection: Connection, frame: Frame): boolean {
    const isTaken = connection.deliver(frame);
    if (isTaken) this.statistics.messagesSent(frame.type, 1);
    return isTaken;
  }
}
