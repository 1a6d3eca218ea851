import type { Principal } from "../config.ts";
import { CLOSE_CODE } from "../protocol/close-code.ts";
import type { Topic } from "../protocol/topic.ts";
import type { Frame } from "./frame.ts";
import type { OutboxLimits } from "./outbox.ts";
import { Outbox } from "./outbox.ts";
import type { Transport } from "./transport.ts";

/** How long a closing handshake may take before the socket is destroyed. */
const CLOSE_TIMEOUT_MS = 2000;

/** What is known of a connection when it is opened. */
export interface ConnectionDetails {
  clientId: string;
  remoteAddress: string | null;
  principal: Principal | null;
}

/** What the owner of a connection wants to hear of it. */
export interface ConnectionObserver {
  /** One frame was accepted, by the socket or by the outbox. */
  delivered(frame: Frame): void;
  /** The outbox is full: `dropped` messages are lost to this connection and it is being closed. */
  overflowed(connection: Connection, dropped: number): void;
  /** A full socket has drained, which is a sign of life. */
  drained(connection: Connection): void;
  /** What was in the outbox is sent, and the socket takes more. */
  writable(connection: Connection): void;
  /** The connection begins to close and takes no more messages. */
  closing(connection: Connection, code: number, reason: string): void;
}

/**
 * One accepted socket with its state.
 *
 *     open --close()--> closing --markClosed()--> closed
 *       \______________markClosed()______________/
 */
export class Connection {
  readonly clientId: string;
  readonly remoteAddress: string | null;
  readonly principal: Principal | null;
  readonly connectedAt = Date.now();
  readonly topics = new Set<Topic>();
  readonly outbox: Outbox;
  /** Last sign of life, epoch ms. */
  lastSeenAt = this.connectedAt;
  /** Last sign of life, in sweeps of the heartbeat. */
  lastSeenSweep = 0;
  /** The last JSON ping sent and not yet answered. */
  pendingPing: { id: string; sentAt: number } | null = null;
  /** Round trip of the last answered JSON ping, ms. */
  rttMs: number | null = null;
  /** Client messages in a row that could not be used. */
  badMessages = 0;
  /** Number of the last publish that reached this connection: a message on several of its topics is sent once. */
  lastPublish = 0;

  readonly #transport: Transport;
  readonly #observer: ConnectionObserver;
  #state: "open" | "closing" | "closed" = "open";
  #closeTimer: NodeJS.Timeout | undefined;

  constructor(transport: Transport, details: ConnectionDetails, limits: OutboxLimits, observer: ConnectionObserver) {
    this.#transport = transport;
    this.#observer = observer;
    this.clientId = details.clientId;
    this.remoteAddress = details.remoteAddress;
    this.principal = details.principal;
    this.outbox = new Outbox(limits);
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether a frame would go straight to the socket. */
  get isWritable(): boolean {
    return this.#state === "open" && this.outbox.messages === 0 && !this.#transport.isFull;
  }

  /** Age of the oldest message in the outbox, ms; 0 when it is empty. */
  get lagMs(): number {
    const oldest = this.outbox.oldestAcceptedAt;
    return oldest === null ? 0 : Date.now() - oldest;
  }

  /** Sends a frame now, or keeps it until the socket drains. False when the connection cannot take it. */
  deliver(frame: Frame): boolean {
    if (this.#state !== "open") return false;
    if (this.outbox.messages === 0 && !this.#transport.isFull) {
      this.#transport.send(frame.bytes);
    } else if (!this.outbox.push(frame, Date.now())) {
      this.#observer.overflowed(this, this.outbox.clear() + 1);
      this.close(CLOSE_CODE.slowConsumer, "slow consumer: outbox full, reconnect with your cursors");
      return false;
    }
    this.#observer.delivered(frame);
    return true;
  }

  /** The transport reports that its socket has drained: what waits in the outbox goes on. */
  drained(): void {
    if (this.#state !== "open") return;
    this.#observer.drained(this);
    while (!this.#transport.isFull) {
      const frame = this.outbox.shift();
      if (!frame) return this.#observer.writable(this);
      this.#transport.send(frame.bytes);
    }
  }

  /** Sends a protocol ping. */
  probe(): void {
    if (this.#state === "open") this.#transport.ping();
  }

  /** Begins to close; what waits in the outbox is dropped, and a socket that does not close in 2 s is destroyed. */
  close(code: number, reason: string): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.outbox.clear();
    this.#observer.closing(this, code, reason);
    this.#transport.close(code, reason);
    this.#closeTimer = setTimeout(() => this.#transport.terminate(), CLOSE_TIMEOUT_MS);
  }

  /** The socket is gone. */
  markClosed(): void {
    this.#state = "closed";
    this.outbox.clear();
    clearTimeout(this.#closeTimer);
  }

  /** Destroys the socket without a closing handshake. */
  terminate(): void {
    this.#transport.terminate();
  }
}
