import { computed, signal } from "@preact/signals";
import type { BullcastClientError } from "../client/bullcast-client-error.ts";
import type { ClientState } from "../client/index.ts";
import { BullcastClient } from "../client/index.ts";
import { CLOSE_CODE } from "../protocol/close-code.ts";
import type { Topic } from "../protocol/topic.ts";
import { BRIDGE_URL } from "./addresses.ts";
import { session } from "./session.ts";

/**
 * The page's one connection to the bridge. Views say which topics they need, as long as they need them, and listen at
 * `client`; it comes back by itself and resumes where it was.
 */
class Connection {
  readonly state = signal<ClientState>("idle");
  /** Why there will be no further attempt; null while there will. */
  readonly refusal = signal<BullcastClientError | null>(null);
  /** Topics that the bridge does not give, and why. */
  readonly refusedTopics = signal<ReadonlyMap<Topic, string>>(new Map());
  /** What the bridge calls this page's connection; null before the first. */
  readonly clientId = signal<string | null>(null);
  /** Whether there is no connection but attempts to get one, also while one of them is under way. */
  readonly isReconnecting = signal(false);
  /** Whether what is shown may be out of date. */
  readonly isStale = computed(() => this.state.value !== "open");
  readonly #uses = new Map<Topic, number>();
  #client: BullcastClient | null = null;

  /** For `on`, `watchJob` and `new JobStore(...)`. There is one while the session is open. */
  get client(): BullcastClient {
    if (!this.#client) throw new Error("there is no connection before the session is open");
    return this.#client;
  }

  open(): void {
    if (this.#client) return;
    const { token } = session;
    const client = new BullcastClient({ url: BRIDGE_URL, topics: [], ...(token !== null && { token }) });
    this.#client = client;
    let hasBeenOpen = false;
    client.on("state", (state) => {
      this.state.value = state;
      if (state !== "connecting") this.isReconnecting.value = state === "waiting";
      if (state !== "open") return;
      this.refusal.value = null;
      // It may be another bridge by now, with other settings.
      if (hasBeenOpen) void session.ask();
      hasBeenOpen = true;
    });
    client.on("connected", ({ content }) => {
      this.clientId.value = content.client_id;
    });
    client.on("error", (error) => {
      if (error.code !== "REFUSED") return;
      if (error.closeCode === CLOSE_CODE.unauthenticated) session.refuseToken();
      else this.refusal.value = error;
    });
    client.connect();
  }

  close(): void {
    this.#client?.close();
    this.#client = null;
    this.#uses.clear();
    this.refusedTopics.value = new Map();
  }

  /** Watches topics until what is answered is called. Several views may need the same. */
  watch(topics: readonly Topic[]): () => void {
    const { client } = this;
    const added = topics.filter((topic) => this.#count(topic, 1) === 1);
    for (const topic of added) {
      client.subscribe([topic]).then(
        () => this.#noteRefusal(topic, null),
        (error: BullcastClientError) => {
          if (error.code !== "CLOSED") this.#noteRefusal(topic, error.reason ?? error.message);
        },
      );
    }
    return () => {
      if (client !== this.#client) return;
      const dropped = topics.filter((topic) => this.#count(topic, -1) === 0);
      void client.unsubscribe(dropped);
    };
  }

  #count(topic: Topic, change: 1 | -1): number {
    const uses = (this.#uses.get(topic) ?? 0) + change;
    if (uses > 0) this.#uses.set(topic, uses);
    else this.#uses.delete(topic);
    return uses;
  }

  #noteRefusal(topic: Topic, reason: string | null): void {
    const before = this.refusedTopics.value;
    if (reason === null && !before.has(topic)) return;
    const after = new Map(before);
    if (reason === null) after.delete(topic);
    else after.set(topic, reason);
    this.refusedTopics.value = after;
  }
}

export const connection = new Connection();
