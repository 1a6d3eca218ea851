import type { Principal } from "../handed-in.ts";
import { CLOSE_CODE } from "../protocol/close-code.ts";
import type { Topic } from "../protocol/topic.ts";
import type { Frame } from "./frame.ts";
import type { Outbox } from "./outbox.ts";
import type { Transport } from "./transport.ts";

/** How long a closing handshake may take before the socket is destroyed. */
const CLOSE_TIMEOUT_MS = 2000;

/** What is known of a connection when it is opened. */
export interface ConnectionDetails {
  clientId: string;
  remoteAddress: string | null;
  principal: Principal | null;
  /** Whether it may subscribe to topics for administrators. Default false. */
  isAdmin?: boolean | undefined;
}

/** What the owner of connections wants to hear of them. */
export interface ConnectionObserver {
  /** Something is done to the connection: what has been published before is to be handed to it first. */
  settle(connection: Connection): void;
  /** There is something in the outbox: `flush()` is to be called soon. */
  pending(connection: Connection): void;
  /** The socket takes no more, and something waits. */
  waits(connection: Connection): void;
  /** The socket takes no more, and much waits. */
  fellBehind(): void;
  /** The outbox is full, or all together are: `dropped` messages are lost to this connection and it is being closed. */
  overflowed(connection: Connection, dropped: number): void;
  /** A full socket has drained, which is a sign of life. */
  drained(connection: Connection): void;
  /** What was in the outbox is sent, and the socket takes more. */
  writable(connection: Connection): void;
  /** The connection begins to close and takes no more messages. */
  closing(connection: Connection, code: number, reason: string): void;
}

/** Most bytes handed to a socket in one write: what a slow one holds beside its outbox. */
const MAX_WRITE_BYTES = 1024 * 1024;

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
  readonly isAdmin: boolean;
  readonly connectedAt = Date.now();
  readonly topics = new Set<Topic>();
  /** Grows whenever they change. */
  topicChanges = 0;
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
  /** Number of what was last handed to this connection: a message on several of its topics is sent once. */
  lastPublish = 0;
  /** Whether it is among those that are flushed next. */
  isPending = false;

  readonly #transport: Transport;
  readonly #observer: ConnectionObserver;
  #state: "open" | "closing" | "closed" = "open";
  #closeTimer: NodeJS.Timeout | undefined;

  constructor(transport: Transport, details: ConnectionDetails, outbox: Outbox, observer: ConnectionObserver) {
    this.#transport = transport;
    this.#observer = observer;
    this.clientId = details.clientId;
    this.remoteAddress = details.remoteAddress;
    this.principal = details.principal;
    this.isAdmin = details.isAdmin ?? false;
    this.outbox = outbox;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether the socket takes no more for now: only then does anything wait for longer than until its turn to be written. */
  get isFull(): boolean {
    return this.#transport.isFull;
  }

  /** Whether nothing waits and the socket takes more. */
  get isWritable(): boolean {
    return this.#state === "open" && this.outbox.messages === 0 && !this.#transport.isFull;
  }

  /** Age of the oldest message in the outbox, ms; 0 when it is empty. */
  get lagMs(): number {
    const oldest = this.outbox.oldestMadeAt;
    return oldest === null ? 0 : Date.now() - oldest;
  }

  /** Takes a frame to be sent in a moment, or when the socket has drained. False when the connection cannot take it. */
  deliver(frame: Frame): boolean {
    this.#observer.settle(this);
    return this.take(frame);
  }

  /** The same for what is published, in the order in which it is. */
  take(frame: Frame): boolean {
    if (this.#state !== "open") return false;
    if (!this.outbox.push(frame) && !this.#pushBehind(frame)) return false;
    if (!this.isPending) {
      this.isPending = true;
      this.#observer.pending(this);
    }
    return true;
  }

  /** A storm within one turn is no sign of a slow viewer: the socket is given what it takes first. */
  #pushBehind(frame: Frame): boolean {
    this.flush();
    if (this.outbox.pushBehind(frame)) this.#observer.fellBehind();
    else this.closeSlow(1);
    return this.isOpen;
  }

  /** Closes it as a slow consumer, with so many messages lost beside those in its outbox. */
  closeSlow(lost: number): void {
    this.#observer.overflowed(this, this.outbox.clear() + lost);
    this.close(CLOSE_CODE.slowConsumer, "slow consumer: outbox full, reconnect with your cursors");
  }

  /** Its turn in a pass has come. */
  flushPending(): void {
    // What is handed to it only now is no reason for another pass.
    this.#observer.settle(this);
    this.isPending = false;
    this.flush();
  }

  /** Hands what waits to the socket, as far as that takes it. */
  flush(): void {
    if (this.#state !== "open") return;
    this.#observer.settle(this);
    while (this.outbox.messages > 0) {
      if (this.#transport.isFull) return this.#observer.waits(this);
      this.#transport.send(this.outbox.take(MAX_WRITE_BYTES));
    }
  }

  /** The transport reports that its socket has drained: what waits in the outbox goes on. */
  drained(): void {
    if (this.#state !== "open") return;
    // A large write fills a socket for a moment, whoever is there; that something had to wait shows that it was full.
    if (this.outbox.messages > 0) this.#observer.drained(this);
    this.flush();
    if (this.isWritable) this.#observer.writable(this);
  }

  /** Begins to close; what the socket does not take any more is dropped, and one that does not close in 2 s destroyed. */
  close(code: number, reason: string): void {
    if (this.#state !== "open") return;
    this.flush();
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
