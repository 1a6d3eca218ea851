import type { ClientGone, ClientReport } from "../../../protocol/admin.ts";

/** Tells connections of one client id apart. */
type ConnectionName = Pick<ClientGone, "client_id" | "connected_at">;

/**
 * Who is connected: the answer of `GET /ws/clients`, kept up to date by the topic `clients`. The two come on different
 * ways, so that an answer may be older than what was heard before it came: what was heard since `begin` wins.
 */
export class ClientList {
  #entries = new Map<string, ClientReport>();
  /** What was heard while an answer is awaited; null when none is. */
  #heard: { entries: Map<string, ClientReport>; ended: Set<string> } | null = null;
  #isLoaded = false;

  /** Whether an answer has come since the last `begin`: until then the list is not complete. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** The clients, in no particular order. */
  entries(): IterableIterator<ClientReport> {
    return this.#entries.values();
  }

  /** The topic is subscribed, and the list is about to be asked for. What is known stays until it is there. */
  begin(): void {
    this.#heard = { entries: new Map(), ended: new Set() };
    this.#isLoaded = false;
  }

  /** The list that was asked for since. */
  load(clients: readonly ClientReport[]): void {
    const { entries: heard, ended } = this.#heard ?? { entries: new Map<string, ClientReport>(), ended: new Set() };
    const listed = clients.filter((client) => !ended.has(keyOf(client)));
    this.#entries = new Map(listed.map((client) => [client.client_id, client]));
    for (const client of heard.values()) put(this.#entries, client);
    this.#heard = null;
    this.#isLoaded = true;
  }

  /** A client has connected, or something of it has changed. */
  connected(client: ClientReport): void {
    put(this.#entries, client);
    if (!this.#heard) return;
    put(this.#heard.entries, client);
    this.#heard.ended.delete(keyOf(client));
  }

  /** A client has gone. */
  disconnected(end: ConnectionName): void {
    remove(this.#entries, end);
    if (!this.#heard) return;
    remove(this.#heard.entries, end);
    this.#heard.ended.add(keyOf(end));
  }
}

/** Of two connections under one id the newer one took the place of the other. */
function put(entries: Map<string, ClientReport>, client: ClientReport): void {
  const known = entries.get(client.client_id);
  if (known && known.connected_at > client.connected_at) return;
  entries.set(client.client_id, client);
}

function remove(
  entries: Map<string, ClientReport>,
  { client_id: id, connected_at: connectedAt }: ConnectionName,
): void {
  if (entries.get(id)?.connected_at === connectedAt) entries.delete(id);
}

function keyOf({ client_id: id, connected_at: connectedAt }: ConnectionName): string {
  return `${connectedAt} ${id}`;
}
