import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { z } from "zod";
import { Administration } from "./admin/administration.ts";
import { Access } from "./auth/access.ts";
import type { BridgeOptions, BridgeSettings } from "./config.ts";
import { parseBridgeOptions } from "./config.ts";
import type { MessageHandler } from "./connections/client-message-router.ts";
import { ConnectionManager, MAX_SHARE_OF_OUTBOX } from "./connections/connection-manager.ts";
import { BridgeClosedError, InvalidQueueError } from "./errors.ts";
import type { QueueEventsLike } from "./handed-in.ts";
import { isQueueEventsLike, QUEUE_NAME_PATTERN } from "./handed-in.ts";
import type { BrowserFiles } from "./http/browser-files.ts";
import { browserFiles } from "./http/browser-files.ts";
import { readHealth } from "./http/health.ts";
import type { JobSource } from "./http/job-source.ts";
import { RefusalLog } from "./http/refusal-log.ts";
import type { RequestHandler } from "./http/rest-router.ts";
import { createRestRouter } from "./http/rest-router.ts";
import { refuseUpgrade, UpgradeHandler } from "./http/upgrade-handler.ts";
import { describeGiven } from "./input-issue.ts";
import type { Logger } from "./logger.ts";
import { createDefaultLogger, partLogger } from "./logger.ts";
import { WebSocketNotifier } from "./notifier/web-socket-notifier.ts";
import type { Health, Stats } from "./protocol/admin.ts";
import type { MessageFields } from "./protocol/message.ts";
import { Sources } from "./sources/sources.ts";
import { VERSION } from "./version.ts";
import { WidgetStore } from "./widgets/widget-store.ts";

/** What a message has beside the HTML of a part of a widget, at most, bytes. */
const PART_ENVELOPE_BYTES = 512;

/** How long after `start()` or `attach()` the other one may take until it is said to be missing, ms. */
const REMIND_MS = 10_000;

/** Upgrade listeners of all bridges, as several may share one server, and the sockets that one of them has taken. */
const ours = new WeakSet<UpgradeListener>();
const taken = new WeakSet<Duplex>();

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

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
  /** What widgets have rendered, for as long as it is kept. */
  readonly widgets: WidgetStore;
  readonly #settings: BridgeSettings;
  readonly #manager: ConnectionManager;
  readonly #upgrades: UpgradeHandler;
  readonly #sources: Sources;
  readonly #notifier: WebSocketNotifier;
  readonly #administration: Administration;
  readonly #servers: { server: Server; listener: UpgradeListener }[] = [];
  readonly #logger: Logger;
  #reminder: NodeJS.Timeout | undefined;
  /** Whether upgrades come from anywhere. */
  #takesUpgrades = false;
  #started: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  /** Use `createBridge`, which checks the options. */
  constructor(settings: BridgeSettings) {
    this.#settings = settings;
    const { prefix, basePath, trustProxy } = settings;
    const logger = settings.logger ?? createDefaultLogger();
    this.#logger = logger;
    this.#manager = new ConnectionManager({ ...settings, logger: partLogger(logger, "connections") });
    this.#sources = new Sources({ ...settings, logger: partLogger(logger, "sources") });
    this.#notifier = new WebSocketNotifier({
      manager: this.#manager,
      reader: this.#sources,
      prefix,
      maxTailedJobs: settings.maxTailedJobs,
      logger: partLogger(logger, "notifier"),
    });
    this.#sources.useSink(this.#notifier);
    this.widgets = new WidgetStore({
      publish: (topic, message) => this.#manager.publish(this.#manager.encode(message), [topic]),
      logger: partLogger(logger, "widgets"),
      maxPartBytes: Math.max(0, Math.floor(settings.maxQueueBytes * MAX_SHARE_OF_OUTBOX) - PART_ENVELOPE_BYTES),
    });
    const health = () => this.health();
    this.#administration = new Administration({
      version: VERSION,
      manager: this.#manager,
      health,
      sources: () => this.#sources.status(),
      queues: () => this.#sources.summaries(),
      countJobs: () => this.#sources.countJobs(),
    });
    this.#manager.useKeptMessages({
      subscribed: (topic) => this.widgets.subscribed(topic) ?? this.#administration.subscribed(topic),
    });
    const access = new Access(settings);
    const httpLogger = partLogger(logger, "http");
    const refusals = new RefusalLog(httpLogger);
    const http = { basePath, manager: this.#manager, access, refusals, logger: httpLogger };
    this.#upgrades = new UpgradeHandler({ ...http, trustProxy });
    const jobs: JobSource = {
      count: () => this.#sources.countJobs(),
      summaries: () => this.#sources.summaries(),
      list: (query) => this.#sources.jobs.read(query),
      read: (queue, jobId) => this.#notifier.readJob(queue, jobId),
      detail: (queue, jobId) => this.#sources.jobs.detail({ queue, jobId }),
    };
    const administration = this.#administration;
    const about = {
      version: VERSION,
      read_only: settings.readOnly,
      insecure: settings.insecure,
      needs_token: settings.adminToken !== undefined,
      base_path: basePath,
      prefix,
    };
    this.router = createRestRouter({ ...http, about, administration, health, jobs, widgets: this.widgets });
    for (const queue of settings.queues) this.attachQueue(queue);
  }

  /** The names of the attached queues. */
  get queues(): string[] {
    return this.#sources.queues;
  }

  /** Where everything is served, for example `/ws`. */
  get basePath(): string {
    return this.#settings.basePath;
  }

  /** The script and the stylesheet that pages with widgets need. */
  get browserFiles(): BrowserFiles {
    return browserFiles(this.basePath);
  }

  /**
   * Begins to read. Resolves when every queue is being read and every log channel heard from now on, or after two
   * seconds, as when Redis does not answer: then it goes on trying, and health says why. A second call returns the first
   * one's promise.
   *
   * @throws {BridgeClosedError} after `close()`.
   */
  start(): Promise<void> {
    if (this.#closed) return Promise.reject(new BridgeClosedError("the bridge is closed; make a new one"));
    this.#remind();
    this.#administration.start();
    this.#started ??= this.#sources.start();
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
    this.#sources.attach(name, instance);
  }

  /**
   * Stops showing a queue; false when it was not attached. Discovery does not attach it again.
   *
   * @throws {InvalidQueueError} when it is neither a name nor a `QueueEvents` instance.
   */
  detachQueue(queue: string | QueueEventsLike): boolean {
    return this.#sources.detach(queueNameOf(queue));
  }

  /** Takes WebSocket upgrades under `basePath` from a server; others are left to whoever else listens. */
  attach(server: Server): void {
    if (this.#servers.some((attached) => attached.server === server)) return;
    this.#takesUpgrades = true;
    this.#remind();
    const listener: UpgradeListener = (request, socket, head) => {
      if (taken.has(socket)) return;
      if (this.#upgrades.handle(request, socket, head)) return void taken.add(socket);
      // Whoever takes it, or nobody: an unheard error of this socket would end the process.
      socket.on("error", () => socket.destroy());
      const listeners = server.listeners("upgrade") as UpgradeListener[];
      const isLast = listeners.at(-1) === listener && listeners.every((other) => ours.has(other));
      if (!isLast) return;
      const { basePath } = this.#settings;
      refuseUpgrade(socket, {
        status: 404,
        detail: `WebSocket upgrades are taken at ${basePath} and ${basePath}/{client_id}`,
      });
    };
    ours.add(listener);
    server.on("upgrade", listener);
    this.#servers.push({ server, listener });
  }

  /** For servers with an upgrade listener of their own: takes an upgrade, or answers false and leaves it untouched. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    this.#takesUpgrades = true;
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
    return this.#administration.stats;
  }

  /** What `GET /ws/health` answers. */
  health(): Health {
    const isStarted = this.#started !== undefined && this.#closed === undefined;
    return readHealth(isStarted, this.#sources.problems());
  }

  /**
   * Closes connections (1001) and sources. Bounded in time, also while Redis does not answer. What the application
   * handed in, a Redis client, a `QueueEvents`, an HTTP server, is left open. A second call returns the first promise.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#reminder);
    this.#upgrades.close();
    this.widgets.close();
    this.#administration.close();
    await this.#manager.close();
    this.#notifier.close();
    await this.#sources.close();
    for (const { server, listener } of this.#servers) server.off("upgrade", listener);
  }

  /** A bridge of which one call was forgotten shows nothing, and would not say why. */
  #remind(): void {
    if (this.#closed) return;
    this.#reminder ??= setTimeout(() => {
      if (!this.#started) this.#logger.warn("bridge.start() has not been called: no queue is read");
      if (!this.#takesUpgrades)
        this.#logger.info("no server is attached: unless handleUpgrade() is used, bridge.attach(server) is missing");
    }, REMIND_MS).unref();
  }

  #checkPrefix(instance: QueueEventsLike): void {
    const { prefix = "bull" } = (instance.opts ?? {}) as { prefix?: string };
    if (prefix === this.#settings.prefix) return;
    throw new InvalidQueueError(
      `the QueueEvents instance of queue "${instance.name}" has the prefix "${prefix}"; this bridge reads "${this.#settings.prefix}": a bridge has one prefix, make another for the other`,
    );
  }
}

function queueNameOf(queue: string | QueueEventsLike): string {
  const name = isQueueEventsLike(queue) ? queue.name : queue;
  if (typeof name === "string" && QUEUE_NAME_PATTERN.test(name)) return name;
  throw new InvalidQueueError(
    `a queue is a name without a colon or a BullMQ QueueEvents instance, given ${describeGiven(name)}`,
  );
}
