import type { ConnectionSetting } from "../handed-in.ts";
import { RedisConnection } from "./redis-connections.ts";

/** Where Redis tells a redirected client which of the keys that another one has read are changed. */
const CHANNEL = "__redis__:invalidate";
const ANSWER_TIMEOUT_MS = 1500;

export interface InvalidationListener {
  /** The reader is connected, and told of or not: what changed before may have gone untold. */
  ready(): void;
  /** Changes go untold from now on, until `ready`. */
  lost(): void;
  /** Redis, or the user's rights, do not provide for this: changes will never be told. */
  refused(error: Error): void;
  /** Keys that have changed since the reader read them; null for all there are. */
  invalidated(keys: readonly string[] | null): void;
}

/**
 * Tells which of the keys that another connection, the reader, has read have changed: the redirect target of its
 * `CLIENT TRACKING`. It speaks RESP2, as ioredis passes over the pushes by which RESP3 tells the same, and subscribes
 * by itself, as its id can only be asked for before.
 */
export class InvalidationConnection {
  readonly #connection: RedisConnection;
  readonly #reader: RedisConnection;
  readonly #listener: InvalidationListener;
  /** Null while not subscribed. */
  #clientId: number | null = null;
  #isArmed = false;
  #isRefused = false;

  constructor(setting: ConnectionSetting, reader: RedisConnection, listener: InvalidationListener) {
    this.#connection = new RedisConnection(setting, { protocol: 2, autoResubscribe: false });
    this.#reader = reader;
    this.#listener = listener;
  }

  /** Whether changes of what the reader reads from now on are told. */
  get isArmed(): boolean {
    return this.#isArmed;
  }

  /** False once Redis has refused. */
  get isPossible(): boolean {
    return !this.#isRefused;
  }

  /** Opens this connection and the reader, and goes on trying. */
  open(): void {
    const { client } = this.#connection;
    client.on("ready", () => void this.#subscribe());
    client.on("close", () => {
      this.#clientId = null;
      this.#disarm();
    });
    // "message" would join several keys with commas.
    client.on("messageBuffer", (_channel: Buffer, keys: unknown) =>
      this.#listener.invalidated(Array.isArray(keys) ? keys.map(String) : null),
    );
    this.#reader.client.on("ready", () => void this.#arm());
    this.#reader.client.on("close", () => this.#disarm());
    this.#reader.open();
    this.#connection.open();
  }

  close(): void {
    this.#connection.close();
  }

  /** Resolves when all that Redis had to tell when this was called is told: true, or false when that is not certain. */
  async fence(): Promise<boolean> {
    const clientId = this.#clientId;
    if (clientId === null) return false;
    try {
      await this.#connection.inTime(this.#connection.client.ping(), ANSWER_TIMEOUT_MS);
      return this.#isArmed && this.#clientId === clientId;
    } catch {
      return false;
    }
  }

  async #subscribe(): Promise<void> {
    const { client } = this.#connection;
    try {
      const clientId = await this.#connection.inTime(client.client("ID"), ANSWER_TIMEOUT_MS);
      await this.#connection.inTime(client.subscribe(CHANNEL) as Promise<unknown>, ANSWER_TIMEOUT_MS);
      this.#clientId = clientId;
    } catch (error) {
      // Anything but an answer of Redis means that the connection is lost, and the next one will be ready.
      return this.#refuse(error);
    }
    await this.#arm();
  }

  async #arm(): Promise<void> {
    this.#disarm();
    const [{ client }, clientId] = [this.#reader, this.#clientId];
    if (client.status !== "ready") return;
    if (clientId !== null) {
      try {
        const armed = client.client("TRACKING", "ON", "REDIRECT", clientId) as Promise<unknown>;
        await this.#reader.inTime(armed, ANSWER_TIMEOUT_MS);
        this.#isArmed = clientId === this.#clientId;
      } catch (error) {
        this.#refuse(error);
      }
    }
    this.#listener.ready();
  }

  #disarm(): void {
    this.#isArmed = false;
    this.#listener.lost();
  }

  #refuse(error: unknown): void {
    // The client to redirect to may be gone by now: its successor will be ready.
    const isRefusal = error instanceof Error && error.name === "ReplyError" && !/does not exist/.test(error.message);
    if (!isRefusal || this.#isRefused) return;
    this.#isRefused = true;
    this.#connection.close();
    this.#listener.refused(error);
  }
}
