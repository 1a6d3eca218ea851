import type { ChainableCommander, RedisOptions } from "ioredis";
import { Redis } from "ioredis";
import type { ConnectionSetting } from "../handed-in.ts";
import { isRedisLike } from "../handed-in.ts";
import type { Reply } from "./reply.ts";

/** Longest wait between two attempts to reconnect; health is to be good again soon after Redis is. */
const MAX_RECONNECT_DELAY_MS = 1000;
const CONNECT_TIMEOUT_MS = 5000;
/** A command that does not block is answered by then, or never. */
const ANSWER_TIMEOUT_MS = 1500;
/** How long a connection that was accepted may take to be usable; some proxies accept for servers that hang. */
const READY_TIMEOUT_MS = 1500;

/**
 * Options of every connection the bridge opens. Commands fail at once while Redis is away: each caller has its own way
 * to wait, and a command that silently waits for a server to come back could block a request for ever.
 */
const OPTIONS = {
  lazyConnect: true,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  connectTimeout: CONNECT_TIMEOUT_MS,
  connectionName: "bullcast",
  retryStrategy: (attempt: number) => Math.min(MAX_RECONNECT_DELAY_MS, 50 * 2 ** attempt) * (0.5 + Math.random() / 2),
  // What an application's own options may say otherwise: BullMQ's keys have no key prefix, and replies are read as lists.
  keyPrefix: "",
  replyMapping: "legacy",
  // A blocking read outlasts any deadline made for short commands; each caller sets its own.
  commandTimeout: undefined,
  socketTimeout: undefined,
  blockingTimeout: undefined,
} as const;

/** One connection and the last reason why it was not usable. */
export class RedisConnection {
  readonly client: Redis;
  #problem: string | null = "not connected yet";
  /** What no reconnecting can mend. */
  #fault: string | null = null;
  readonly #waiting = new Set<(isReady: boolean) => void>();

  /** `overrides` are what this one needs otherwise than the rest. */
  constructor(setting: ConnectionSetting, overrides: Pick<RedisOptions, "protocol" | "autoResubscribe"> = {}) {
    this.client = connect(setting, overrides);
    this.client.on("error", (error) => {
      this.problem = describeError(error);
      if (!/DB index is out of range/.test(error.message)) return;
      // ioredis would go on in database 0, and show what nobody asked for.
      this.#fault = `the database does not exist: ${error.message}`;
      this.client.disconnect();
    });
    let timer: NodeJS.Timeout | undefined;
    this.client.on("connect", () => {
      timer = setTimeout(() => {
        afterPendingReads(() => {
          if (this.client.status === "connect") this.#drop("Redis takes connections, but is not ready to answer");
        });
      }, READY_TIMEOUT_MS);
    });
    this.client.on("close", () => {
      clearTimeout(timer);
      this.problem ??= "the connection to Redis was lost";
    });
    this.client.on("ready", () => {
      clearTimeout(timer);
      this.problem = null;
      this.#tellWaiting(true);
    });
    this.client.on("end", () => this.#tellWaiting(false));
  }

  /** Why the connection is not usable; null while it is. */
  get problem(): string | null {
    return this.#fault ?? this.#problem;
  }

  set problem(reason: string | null) {
    this.#problem = reason;
  }

  /** Starts to connect and goes on trying. */
  open(): void {
    // A first attempt that fails is reported by the "error" event as every later one is.
    if (this.client.status === "wait") this.client.connect().catch(() => undefined);
  }

  /** Whether the connection became usable within this time, ms. */
  async whenReady(timeoutMs: number): Promise<boolean> {
    if (this.client.status === "ready") return true;
    return new Promise((resolve) => {
      const tell = (isReady: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(tell);
        resolve(isReady);
      };
      const timer = setTimeout(tell, timeoutMs, false);
      this.#waiting.add(tell);
    });
  }

  /**
   * Sends commands in one round trip; errors of theirs are part of the answer.
   *
   * @throws {Error} when Redis does not answer in time, is away, or the connection has not been opened: a command would
   * open it.
   */
  async ask(commands: (pipeline: ChainableCommander) => void): Promise<Reply[]> {
    if (this.client.status === "wait") throw new Error("Redis is not connected");
    const pipeline = this.client.pipeline();
    commands(pipeline);
    return (await this.inTime(pipeline.exec(), ANSWER_TIMEOUT_MS)) ?? [];
  }

  #tellWaiting(isReady: boolean): void {
    for (const tell of [...this.#waiting]) tell(isReady);
  }

  /**
   * Waits for a command's answer, and drops the socket when nothing at all has arrived on it for this time, ms: a socket
   * whose other end is gone would never say so. A large answer that takes long to arrive is no reason.
   *
   * @throws {Error} what the command rejects with, or that Redis did not answer.
   */
  inTime<Answer>(command: Promise<Answer>, silenceMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { stream } = this.client;
      let bytesRead = stream?.bytesRead;
      const check = () => {
        const isArriving = stream?.bytesRead !== bytesRead;
        bytesRead = stream?.bytesRead;
        if (isArriving) return;
        const reason = `Redis did not answer within ${silenceMs} ms`;
        // One that connects anew is watched already.
        if (this.client.status === "ready") this.#drop(reason);
        clearInterval(timer);
        reject(new Error(reason));
      };
      const timer = setInterval(afterPendingReads, silenceMs, check);
      // Not with race() and finally(): every job event waits for what they do in between.
      command.then(
        (answer) => {
          clearInterval(timer);
          resolve(answer);
        },
        (error: unknown) => {
          clearInterval(timer);
          reject(error);
        },
      );
    });
  }

  /** Drops the socket and connects anew. */
  #drop(reason: string): void {
    this.problem = reason;
    this.client.disconnect(true);
  }

  /** Ends the connection at once; QUIT could wait for ever on a server that hangs. */
  close(): void {
    this.client.disconnect();
  }
}

function connect(setting: ConnectionSetting, overrides: Pick<RedisOptions, "protocol" | "autoResubscribe">): Redis {
  const options = { ...OPTIONS, ...overrides };
  if (isRedisLike(setting)) return setting.duplicate(options) as Redis;
  if (typeof setting === "string") return new Redis(setting, options);
  return new Redis({ ...(setting as Omit<RedisOptions, "replyMapping">), ...options });
}

/**
 * Timers run before sockets are read: after a busy moment of our own, what is there must be read before anybody is
 * blamed for silence.
 */
export function afterPendingReads(check: () => void): void {
  setImmediate(check);
}

/** What an error says; a refused connection to a name with several addresses has no message of its own. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describeError).join("; ");
  if (!(error instanceof Error)) return String(error);
  // What ioredis says when a connection ends under a command that may not be sent again.
  if (error.name === "MaxRetriesPerRequestError") return "the connection to Redis was lost";
  if (/^Stream isn't writeable/.test(error.message)) return "Redis is not connected";
  if (/^NOAUTH/.test(error.message)) return "Redis wants a password, as in redis://:password@host";
  return error.message || ("code" in error ? String(error.code) : error.name);
}
