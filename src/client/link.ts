import { CLOSE_CODE } from "../protocol/close-code.ts";
import type { BackOff } from "./back-off.ts";
import { BullcastClientError } from "./bullcast-client-error.ts";
import type { Clock } from "./clock.ts";
import type { MessageOf, ServerMessage } from "./server-message.ts";
import { isType, readServerMessage } from "./server-message.ts";
import { Watchdog } from "./watchdog.ts";
import type { WebSocketLike } from "./web-socket-like.ts";

/** Where the client is with its connection. */
export type ClientState = "idle" | "connecting" | "open" | "waiting" | "closed";

/** How long the server may take to say `connected`. */
const CONNECT_TIMEOUT_MS = 15_000;

/** The application is done; what browsers allow besides 3000 to 4999. */
const NORMAL_CLOSURE = 1000;
/** A frame over what the WebSocket layer takes. */
const MESSAGE_TOO_BIG = 1009;

/** After these a new attempt would end as the last one did, or would drive somebody else out. */
const FINAL_CLOSE_CODES: ReadonlySet<number> = new Set([
  MESSAGE_TOO_BIG,
  CLOSE_CODE.badMessage,
  CLOSE_CODE.unauthenticated,
  CLOSE_CODE.forbidden,
  CLOSE_CODE.replaced,
  CLOSE_CODE.disconnected,
  CLOSE_CODE.tooLarge,
]);

export interface LinkOptions {
  /** Makes a socket. What it throws counts as a failed attempt. */
  openSocket: (url: string) => WebSocketLike;
  /** Where to connect to; asked before each attempt. */
  url: () => string | Promise<string>;
  backOff: BackOff;
  clock: Clock;
}

/** What the owner of a link wants to hear of it. */
export interface LinkObserver {
  stateChanged(state: ClientState): void;
  /** A connection is there and takes messages. */
  connected(): void;
  received(message: ServerMessage): void;
  /** The connection is gone. */
  disconnected(): void;
  /** There will be no further attempt until `connect()`. */
  closed(error: BullcastClientError): void;
  failed(error: BullcastClientError): void;
}

/**
 * One lasting connection made of many short ones.
 *
 *     idle --connect()--> connecting --`connected`--> open
 *                          ^      \                  /
 *                        delay     `--> waiting <---'      lost, silent or failed
 *                          '------------'
 *     any --close() or a final close code--> closed --connect()--> connecting
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #observer: LinkObserver;
  readonly #watchdog: Watchdog;
  #state: ClientState = "idle";
  /** The socket in use; events of any other are of the past. */
  #socket: WebSocketLike | null = null;
  /** Number of the attempt under way; one that waits for its URL finds out by it that it was given up. */
  #attempt = 0;
  #cancelDelay: (() => void) | null = null;

  constructor(options: LinkOptions, observer: LinkObserver) {
    this.#options = options;
    this.#observer = observer;
    this.#watchdog = new Watchdog(options.clock, () => this.#silent());
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Connects; at once, where the next attempt is being waited for. */
  connect(): void {
    if (this.#state === "connecting" || this.#state === "open") return;
    void this.#open();
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#close(new BullcastClientError("CLOSED", "the client was closed"));
  }

  /** Sends a text on an open connection. */
  send(text: string): void {
    this.#socket?.send(text);
  }

  /** The connection has proved good: the next loss is a new one. */
  settled(): void {
    this.#options.backOff.reset();
  }

  async #open(): Promise<void> {
    this.#leave();
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#watchdog.start(CONNECT_TIMEOUT_MS);
    this.#become("connecting");
    try {
      const url = await this.#options.url();
      if (attempt !== this.#attempt) return;
      this.#socket = this.#options.openSocket(url);
      this.#listen(this.#socket);
    } catch (cause) {
      if (attempt === this.#attempt) this.#retry(`${cause instanceof Error ? cause.message : cause}`, cause);
    }
  }

  #listen(socket: WebSocketLike): void {
    const isCurrent = () => this.#socket === socket;
    socket.addEventListener("message", ({ data }) => {
      if (isCurrent()) this.#receive(data, isCurrent);
    });
    socket.addEventListener("close", ({ code, reason }) => {
      if (isCurrent()) this.#ended(code, reason);
    });
    // "close" follows. Unheard it would end a Node process.
    socket.addEventListener("error", () => undefined);
  }

  #receive(data: unknown, isCurrent: () => boolean): void {
    this.#watchdog.heard();
    const message = readServerMessage(data);
    if (!message) {
      this.#observer.failed(new BullcastClientError("UNREADABLE", "the server sent something that is no message"));
      return;
    }
    if (isType(message, "connected")) {
      this.#watchdog.start(silenceLimitMs(message));
      this.#become("open");
      if (isCurrent()) this.#observer.connected();
    } else if (isType(message, "ping")) {
      const meta = { ping_id: message.meta.ping_id, timestamp: new Date().toISOString() };
      this.send(JSON.stringify({ type: "pong", content: "pong", meta }));
    }
    // A listener may have closed the client.
    if (isCurrent()) this.#observer.received(message);
  }

  #silent(): void {
    const socket = this.#socket;
    // Its closing handshake may take as long as the silence did: nobody waits for it.
    this.#retry("nothing was heard of the server for too long");
    closeQuietly(socket);
  }

  #ended(code: number, reason: string): void {
    if (!FINAL_CLOSE_CODES.has(code)) return this.#retry(`the connection was closed: ${code} ${reason}`.trim());
    const error = new BullcastClientError("REFUSED", `the server closed the connection: ${code} ${reason}`.trim(), {
      closeCode: code,
      reason,
    });
    this.#close(error);
    this.#observer.failed(error);
  }

  #close(error: BullcastClientError): void {
    const socket = this.#socket;
    this.#leave();
    this.#attempt += 1;
    closeQuietly(socket);
    this.#observer.closed(error);
    this.#become("closed");
  }

  /** Gives the attempt or the connection up and waits for the next. A connection that was open and is lost is no error. */
  #retry(reason: string, cause?: unknown): void {
    const wasOpen = this.#state === "open";
    this.#leave();
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#cancelDelay = this.#options.clock.after(this.#options.backOff.next(), () => void this.#open());
    this.#become("waiting");
    if (wasOpen || attempt !== this.#attempt) return;
    this.#observer.failed(new BullcastClientError("CONNECT_FAILED", reason, { cause }));
  }

  /** Turns away from the socket and from everything that was being waited for. */
  #leave(): void {
    this.#watchdog.stop();
    this.#cancelDelay?.();
    this.#cancelDelay = null;
    if (!this.#socket) return;
    this.#socket = null;
    this.#observer.disconnected();
  }

  #become(state: ClientState): void {
    this.#state = state;
    this.#observer.stateChanged(state);
  }
}

/** How long the server may be silent: it pings at every interval. Null when it does not. */
function silenceLimitMs({ content }: MessageOf<"connected">): number | null {
  const { heartbeat_interval: interval, heartbeat_timeout: timeout } = content;
  return interval === null || timeout === null ? null : (interval + timeout) * 1000;
}

function closeQuietly(socket: WebSocketLike | null): void {
  try {
    socket?.close(NORMAL_CLOSURE);
  } catch {
    // It was about to open, or is gone already.
  }
}
