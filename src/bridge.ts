import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { z } from "zod";
import { Access } from "./auth/access.ts";
import type { BridgeOptions, BridgeSettings, QueueEventsLike } from "./config.ts";
import { isQueueEventsLike, parseBridgeOptions, QUEUE_NAME_PATTERN } from "./config.ts";
import type { MessageHandler } from "./connections/client-message-router.ts";
import { ConnectionManager } from "./connections/connection-manager.ts";
import { BridgeClosedError, InvalidQueueError } from "./errors.ts";
import { readHealth } from "./http/health.ts";
import { reportStats } from "./http/reports.ts";
import type { RequestHandler } from "./http/rest-router.ts";
import { createRestRouter } from "./http/rest-router.ts";
import type { Health, Stats } from "./http/schemas.ts";
import { refuseUpgrade, UpgradeHandler } from "./http/upgrade-handler.ts";
import { createDefaultLogger, partLogger } from "./logger.ts";
import { WebSocketNotifier } from "./notifier/web-socket-notifier.ts";
import { describeGiven } from "./protocol/client-message.ts";
import type { MessageFields } from "./protocol/message.ts";
import { EventStreamSource } from "./sources/event-stream-source.ts";
import type { SourceStatus } from "./sources/fact.ts";
import { LogPubSubSource } from "./sources/log-pub-sub-source.ts";
import { QueueDiscovery } from "./sources/queue-discovery.ts";
import { QueueEventsSource } from "./sources/queue-events-source.ts";
import { RedisConnection } from "./sources/redis-connections.ts";
import { StreamQueries } from "./sources/stream-queries.ts";
import { VERSION } from "./version.ts";

/** How long `start()` waits for Redis before it goes on without, and `close()` for what does not end by itself. */
const PATIENCE_MS = 2000;

/**
 * Makes a bridge; nothing is opened before `start()`.
 *
 * @throws {InvalidSettingsError} listing every option that cannot be used.
 */
export function createBridge(options: BridgeOptions): Bridge {
  return new Bridge(parseBridgeOptions(options));
}

/**
 * Attaches to BullMQ queues and shows their jobs to browsers.
 *
 *     created --start()--> started --close()--> closed
 *        \_________________close()_____________/
 */
export class Bridge {
  /** Serves the REST routes under `basePath`: for Express 4 and 5, and as the listener of a plain `node:http` server. */
  readonly router: RequestHandler;
  readonly #settings: BridgeSettings;
  readonly #manager: ConnectionManager;
  readonly #notifier: WebSocketNotifier;
  readonly #upgrades: UpgradeHandler;
  readonly #commands: RedisConnection;
  readonly #queries: StreamQueries;
  readonly #eventStream: EventStreamSource;
  readonly #pubSub: LogPubSubSource | null;
  readonly #discovery: QueueDiscovery | null;
  /** Attached queues, each with its `QueueEvents` instance if it came with one. */
  readonly #queues = new Map<string, QueueEventsLike | null>();
  readonly #queueEvents = new Map<string, QueueEventsSource>();
  /** Queues that discovery must not attach again. */
  readonly #detached = new Set<string>();
  readonly #servers: { server: Server; listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void }[] =
    [];
  readonly #sourceLogger;
  #startedAtMs = 0;
  #started: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  /** Use `createBridge`, which checks the options. */
  constructor(settings: BridgeSettings) {
    this.#settings = settings;
    const logger = settings.logger ?? createDefaultLogger();
    this.#sourceLogger = partLogger(logger, "sources");
    const { connection, prefix, basePath, trustProxy } = settings;
    this.#manager = new ConnectionManager({ ...settings, logger: partLogger(logger, "connections") });
    this.#commands = new RedisConnection(connection);
    this.#queries = new StreamQueries(this.#commands, prefix);
    this.#notifier = new WebSocketNotifier({
      manager: this.#manager,
      readJobs: (keys) => this.#queries.jobs(keys),
      prefix,
      logger: partLogger(logger, "notifier"),
    });
    this.#eventStream = new EventStreamSource({
      connection,
      queries: this.#queries,
      prefix,
      sink: this.#notifier,
      logger: this.#sourceLogger,
    });
    this.#pubSub =
      settings.logChannels.length === 0
        ? null
        : new LogPubSubSource({
            connection,
            channels: settings.logChannels,
            accept: (line) => this.#notifier.acceptLine(line),
            logger: this.#sourceLogger,
          });
    this.#discovery = settings.discover
      ? new QueueDiscovery(this.#queries, (queue) => this.#discovered(queue), this.#sourceLogger)
      : null;
    const access = new Access(settings);
    const http = { basePath, manager: this.#manager, access, logger: partLogger(logger, "http") };
    this.#upgrades = new UpgradeHandler({ ...http, trustProxy });
    this.router = createRestRouter({
      ...http,
      version: VERSION,
      sources: () => this.#sources(),
      health: () => this.health(),
    });
    for (const queue of settings.queues) this.attachQueue(queue);
  }

  /** The names of the attached queues. */
  get queues(): string[] {
    return [...this.#queues.keys()];
  }

  /**
   * Begins to read. Resolves when every queue is being read from now on, or, while Redis does not answer, after two
   * seconds: then it goes on trying, and health says why. A second call returns the first one's promise.
   *
   * @throws {BridgeClosedError} after `close()`.
   */
  start(): Promise<void> {
    if (this.#closed) return Promise.reject(new BridgeClosedError("the bridge is closed; make a new one"));
    this.#started ??= this.#start();
    return this.#started;
  }

  /**
   * Attaches a queue, by its name or with a BullMQ `QueueEvents` instance, which stays the application's to close. A
   * queue that does not exist yet is shown as soon as it does. Attaching one again changes nothing.
   *
   * @throws {InvalidQueueError} when it is neither, or the instance has another prefix than the bridge.
   * @throws {BridgeClosedError} after `close()`.
   */
  attachQueue(queue: string | QueueEventsLike): void {
    const name = queueNameOf(queue);
    if (this.#closed) throw new BridgeClosedError(`queue "${name}" cannot be attached: the bridge is closed`);
    const instance = typeof queue === "string" ? null : queue;
    if (instance) this.#checkPrefix(instance);
    this.#detached.delete(name);
    if (this.#queues.has(name) && (instance === null || this.#queues.get(name) === instance)) return;
    this.#queues.set(name, instance);
    if (this.#started) this.#read(name, instance, Date.now());
  }

  /**
   * Stops showing a queue; false when it was not attached. Discovery does not attach it again.
   *
   * @throws {InvalidQueueError} when it is neither a name nor a `QueueEvents` instance.
   */
  detachQueue(queue: string | QueueEventsLike): boolean {
    const name = queueNameOf(queue);
    this.#detached.add(name);
    this.#queueEvents.get(name)?.close();
    this.#queueEvents.delete(name);
    this.#eventStream.detach(name);
    this.#notifier.forget(name);
    return this.#queues.delete(name);
  }

  /** Takes WebSocket upgrades under `basePath` from a server; others are left to whoever else listens. */
  attach(server: Server): void {
    if (this.#servers.some((attached) => attached.server === server)) return;
    const listener = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (this.#upgrades.handle(request, socket, head) || server.listenerCount("upgrade") > 1) return;
      // Nobody else would ever answer it.
      const { basePath } = this.#settings;
      refuseUpgrade(socket, {
        status: 404,
        detail: `WebSocket upgrades are taken at ${basePath} and ${basePath}/{client_id}`,
      });
    };
    server.on("upgrade", listener);
    this.#servers.push({ server, listener });
  }

  /** For servers with an upgrade listener of their own: takes an upgrade, or answers false and leaves it untouched. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    return this.#upgrades.handle(request, socket, head);
  }

  /**
   * Sends a message of the application's to one client, or to all; answers how many connections it reached.
   *
   * @throws {InvalidMessageError} when its type is malformed or the protocol's own, its meta has a `cursor`, or it
   * cannot be written as JSON.
   */
  notify(message: MessageFields, options: { clientId?: string | undefined } = {}): number {
    return this.#manager.notify(message, options);
  }

  /**
   * Handles one custom type of client message. Its content is checked by the schema first; what does not fit is
   * answered with an `error` message and does not reach the handler.
   *
   * @throws {InvalidHandlerError} when the type is malformed, the protocol's own, or already handled.
   */
  onMessage<Content>(type: string, schema: z.ZodType<Content>, handler: MessageHandler<Content>): void {
    this.#manager.onMessage(type, schema, handler);
  }

  /** What `GET /ws/stats` answers. */
  stats(): Stats {
    return reportStats(this.#manager, this.#sources());
  }

  /** What `GET /ws/health` answers. */
  health(): Health {
    return readHealth({
      isStarted: this.#started !== undefined && this.#closed === undefined,
      redis: this.#eventStream.problem,
      commands: this.#commands.problem,
      logChannels: this.#pubSub?.problem ?? null,
      discovery: this.#discovery?.problem ?? null,
      unreadable: this.#eventStream.feedProblems,
      takenOver: [...this.#queueEvents].flatMap(([queue, { takenOver }]) =>
        takenOver ? [{ queue, reason: takenOver }] : [],
      ),
    });
  }

  /**
   * Closes connections (1001) and sources. Bounded in time, also while Redis does not answer. What the application
   * handed in, a Redis client, a `QueueEvents`, an HTTP server, is left open. A second call returns the first promise.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #start(): Promise<void> {
    this.#startedAtMs = Date.now();
    this.#commands.open();
    this.#pubSub?.start();
    for (const [queue, instance] of this.#queues) this.#read(queue, instance, this.#startedAtMs);
    this.#eventStream.start();
    await withPatience(this.#settle());
  }

  /** Resolves when all queues, those found by the first scan included, are read from now on. */
  async #settle(): Promise<void> {
    await this.#commands.whenReady(PATIENCE_MS);
    await this.#discovery?.start();
    await Promise.all(this.queues.map((queue) => this.#eventStream.feed(queue)?.located));
  }

  async #close(): Promise<void> {
    this.#upgrades.close();
    for (const { server, listener } of this.#servers) server.off("upgrade", listener);
    await this.#manager.close();
    this.#discovery?.close();
    this.#pubSub?.close();
    for (const source of this.#queueEvents.values()) source.close();
    this.#commands.close();
    await withPatience(this.#eventStream.close());
  }

  #discovered(queue: string): void {
    if (this.#queues.has(queue) || this.#detached.has(queue) || this.#closed) return;
    this.#sourceLogger.info({ queue }, "queue discovered");
    this.#queues.set(queue, null);
    // Found after the start it is new, or new to us: what it has seen since the start is wanted.
    this.#read(queue, null, this.#startedAtMs);
  }

  #read(queue: string, instance: QueueEventsLike | null, attachedAtMs: number): void {
    let feed = this.#eventStream.feed(queue);
    if (!feed) {
      this.#notifier.watch(queue);
      feed = this.#eventStream.attach(queue, attachedAtMs);
    }
    if (!instance) return;
    // A queue that was read by itself, or by another instance, goes on from where that stands.
    this.#queueEvents.get(queue)?.close();
    const source = new QueueEventsSource({
      instance,
      feed,
      queries: this.#queries,
      sink: this.#notifier,
      logger: this.#sourceLogger,
    });
    this.#queueEvents.set(queue, source);
    source.start();
  }

  #sources(): SourceStatus[] {
    return [
      ...[...this.#queueEvents.values()].map((source) => source.status()),
      ...this.#eventStream.status(),
      ...(this.#pubSub ? [this.#pubSub.status()] : []),
    ];
  }

  #checkPrefix(instance: QueueEventsLike): void {
    const { prefix = "bull" } = (instance.opts ?? {}) as { prefix?: string };
    if (prefix === this.#settings.prefix) return;
    throw new InvalidQueueError(
      `the QueueEvents instance of queue "${instance.name}" has the prefix "${prefix}"; this bridge reads "${this.#settings.prefix}": a bridge has one prefix, make another for the other`,
    );
  }
}

/** Waits for something that may never come, but not for long. */
async function withPatience(awaited: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS);
  });
  await Promise.race([awaited, patience]).finally(() => clearTimeout(timer));
}

function queueNameOf(queue: string | QueueEventsLike): string {
  const name = isQueueEventsLike(queue) ? queue.name : queue;
  if (typeof name === "string" && QUEUE_NAME_PATTERN.test(name)) return name;
  throw new InvalidQueueError(
    `a queue is a name without a colon or a BullMQ QueueEvents instance, given ${describeGiven(name)}`,
  );
}
