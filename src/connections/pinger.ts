import { randomUUID } from "node:crypto";
import { WebSocketMessage } from "../protocol/message.ts";
import type { Connection } from "./connection.ts";
import type { Frame } from "./frame.ts";
import { encodeFrame, withPing } from "./frame.ts";
import type { Statistics } from "./statistics.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Sends the heartbeat's pings and takes in their answers. */
export class Pinger {
  readonly #statistics: Statistics;
  /** Whether there are two pings at least before a connection that answers none is cut. */
  readonly #hasSecondTry: boolean;
  readonly #deliver: (connection: Connection, frame: Frame) => boolean;

  constructor(
    statistics: Statistics,
    { heartbeatInterval, heartbeatTimeout }: { heartbeatInterval: number; heartbeatTimeout: number },
    deliver: (connection: Connection, frame: Frame) => boolean,
  ) {
    this.#statistics = statistics;
    this.#hasSecondTry = heartbeatTimeout >= 2 * heartbeatInterval;
    this.#deliver = deliver;
  }

  /**
   * Sends each connection a JSON ping with the cursors of what it watches; and a protocol ping, which the WebSocket
   * implementation on the other side answers by itself, unless it has answered the last JSON ping and will be given a
   * second try when it does not answer this one.
   */
  ping(connections: Iterable<Connection>, subscriptions: Subscriptions): void {
    const id = randomUUID();
    const sentAt = Date.now();
    // Viewers of the same topics share one frame.
    const frames = new Map<string, Frame>();
    for (const connection of connections) {
      const hasAnswered = connection.rttMs !== null && connection.pendingPing === null;
      const isBare = hasAnswered && this.#hasSecondTry;
      const key = `${isBare} ${subscriptions.cursorsKeyOf(connection)}`;
      let frame = frames.get(key);
      if (!frame) {
        const meta = { ping_id: id, cursors: subscriptions.cursorsOf(connection) };
        frame = encodeFrame(new WebSocketMessage({ type: "ping", content: "ping", meta }));
        if (!isBare) frame = withPing(frame);
        frames.set(key, frame);
      }
      connection.pendingPing = { id, sentAt };
      if (this.#deliver(connection, frame)) this.#statistics.heartbeat.pings += 1;
    }
  }

  /** Takes in the answer to a JSON ping; one to an older ping, or to none, says nothing of the round trip. */
  pong(connection: Connection, pingId: unknown): void {
    const { pendingPing } = connection;
    if (!pendingPing || pendingPing.id !== pingId) return;
    connection.rttMs = Date.now() - pendingPing.sentAt;
    connection.pendingPing = null;
    this.#statistics.heartbeat.pongs += 1;
    this.#statistics.rttMs.add(connection.rttMs);
  }
}
