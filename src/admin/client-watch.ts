import type { Connection } from "../connections/connection.ts";
import type { ConnectionManager } from "../connections/connection-manager.ts";
import type { RegistryObserver } from "../connections/registry-observer.ts";
import type { ClientGone } from "../protocol/admin.ts";
import { WebSocketMessage } from "../protocol/message.ts";
import { CLIENTS_TOPIC } from "../protocol/topic.ts";
import { backlogOf, reportClient } from "./client-report.ts";

/**
 * Most updates in one sweep, and most bytes of them; whoever comes later has its turn in the next. They would fill the
 * watching page's outbox: a connection with a thousand topics that changes one of them each second makes half a MiB of it.
 */
const MAX_UPDATES = 1000;
const MAX_UPDATE_BYTES = 1024 * 1024;

/** What of a connection has been told, but for when it was last seen. */
type Told = readonly number[];

/** Publishes on `clients` who connects, changes and leaves. Costs nothing while nobody watches. */
export class ClientWatch implements RegistryObserver {
  readonly #manager: ConnectionManager;
  /** Null while nobody watches. */
  #told: WeakMap<Connection, Told> | null = null;
  /** Those whose turn in the sweeps has not come since the last full round. */
  #round: Connection[] = [];
  /** Told in a microtask, as they may come in the middle of a publish. */
  #news: (() => WebSocketMessage)[] = [];

  constructor(manager: ConnectionManager) {
    this.#manager = manager;
  }

  opened(connection: Connection): void {
    this.#tell(() => {
      this.#told?.set(connection, stateOf(connection));
      return new WebSocketMessage({ type: "client_connected", content: reportClient(connection) });
    });
  }

  closed({ clientId, connectedAt }: Connection, code: number | null, reason: string): void {
    const content: ClientGone = {
      client_id: clientId,
      connected_at: new Date(connectedAt).toISOString(),
      code,
      reason,
    };
    this.#tell(() => new WebSocketMessage({ type: "client_disconnected", content }));
  }

  /** Somebody subscribes, and asks for the list next: what changes from now on is told. */
  subscribed(): void {
    if (this.#told) return;
    this.#told = new WeakMap();
    for (const connection of this.#manager.connections) this.#told.set(connection, stateOf(connection));
  }

  /** Tells what has changed since the last sweep; to be called once a second. */
  sweep(): void {
    const told = this.#told;
    if (!told) return;
    if (!this.#manager.isWatched([CLIENTS_TOPIC])) {
      this.#told = null;
      this.#round = [];
      return;
    }
    if (this.#round.length === 0) this.#round = [...this.#manager.connections].reverse();
    for (let updates = 0, bytes = 0; updates < MAX_UPDATES && bytes < MAX_UPDATE_BYTES; ) {
      const connection = this.#round.pop();
      if (!connection) return;
      const [state, before] = [stateOf(connection), told.get(connection)];
      // Without what was told before, that it connected has not been told yet.
      if (!connection.isOpen || !before || isSame(state, before)) continue;
      told.set(connection, state);
      updates += 1;
      bytes += this.#publish(new WebSocketMessage({ type: "client_updated", content: reportClient(connection) }));
    }
  }

  #tell(news: () => WebSocketMessage): void {
    if (!this.#told) return;
    this.#news.push(news);
    if (this.#news.length === 1) queueMicrotask(() => this.#publishNews());
  }

  #publishNews(): void {
    const due = this.#news;
    this.#news = [];
    for (const news of due) this.#publish(news());
  }

  /** Answers its bytes. */
  #publish(message: WebSocketMessage): number {
    const frame = this.#manager.encode(message);
    this.#manager.publish(frame, [CLIENTS_TOPIC]);
    return frame.bytes.length;
  }
}

function stateOf(connection: Connection): Told {
  const { messages, bytes, lagMs } = backlogOf(connection);
  const { dropped, conflated } = connection.outbox.losses;
  return [messages, bytes, lagMs, connection.rttMs ?? -1, connection.topicChanges, dropped, conflated];
}

function isSame(state: Told, before: Told): boolean {
  return state.every((value, index) => value === before[index]);
}
