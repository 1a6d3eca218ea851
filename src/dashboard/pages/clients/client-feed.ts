import { effect, signal } from "@preact/signals";
import type { MessageOf } from "../../../client/index.ts";
import type { ClientReport } from "../../../protocol/admin.ts";
import { CLIENTS_TOPIC } from "../../../protocol/topic.ts";
import { connection } from "../../connection.ts";
import { RequestError } from "../../request-error.ts";
import { session } from "../../session.ts";
import { ClientList } from "./client-list.ts";

/** A thousand clients may change in one second: the page is drawn as often as one can read. */
const DRAW_EVERY_MS = 250;

/** Who is connected to the bridge, live for as long as a view uses it. */
class ClientFeed {
  /** In no particular order. After the connection was lost those known before, until the new list is there. */
  readonly clients = signal<readonly ClientReport[]>([]);
  /** Whether these are all: the list is there, and nothing was missed since. */
  readonly isComplete = signal(false);
  /** Why the list could not be read; null when it could. */
  readonly failure = signal<string | null>(null);
  readonly #list = new ClientList();
  #uses = 0;
  #stop: () => void = () => undefined;
  #reading = new AbortController();
  #drawing: ReturnType<typeof setTimeout> | undefined;

  /** Begins to listen; what it answers ends that. */
  use(): () => void {
    this.#uses += 1;
    if (this.#uses === 1) this.#stop = this.#start();
    return () => {
      this.#uses -= 1;
      if (this.#uses === 0) this.#stop();
    };
  }

  /** Asks for the whole list; once whenever the topic is subscribed, as nobody tells what happened before. */
  async read(): Promise<void> {
    this.#reading.abort();
    this.#reading = new AbortController();
    const { signal: aborted } = this.#reading;
    this.failure.value = null;
    this.isComplete.value = false;
    this.#list.begin();
    try {
      const { clients } = await session.request<{ clients: ClientReport[] }>("/clients", { signal: aborted });
      if (aborted.aborted) return;
      this.#list.load(clients);
      this.#draw();
    } catch (error) {
      if (aborted.aborted) return;
      if (!(error instanceof RequestError)) throw error;
      this.failure.value = error.message;
    }
  }

  #start(): () => void {
    const { client } = connection;
    const connected = ({ content }: MessageOf<"client_connected" | "client_updated">) => {
      // One that watches very much may not fit into a message. It stays as the list has it.
      if (!content) return;
      this.#list.connected(content);
      this.#drawSoon();
    };
    const stops = [
      client.on("subscribed", ({ content }) => {
        if (content.topics.includes(CLIENTS_TOPIC)) void this.read();
      }),
      client.on("client_connected", connected),
      client.on("client_updated", connected),
      client.on("client_disconnected", ({ content }) => {
        this.#list.disconnected(content);
        this.#drawSoon();
      }),
      connection.watch([CLIENTS_TOPIC]),
      // Then the list stands still, which the page says.
      effect(() => {
        if (connection.refusedTopics.value.has(CLIENTS_TOPIC)) void this.read();
      }),
    ];
    return () => {
      for (const stop of stops) stop();
      this.#reading.abort();
      this.isComplete.value = false;
      clearTimeout(this.#drawing);
      this.#drawing = undefined;
    };
  }

  #drawSoon(): void {
    this.#drawing ??= setTimeout(() => this.#draw(), DRAW_EVERY_MS);
  }

  #draw(): void {
    clearTimeout(this.#drawing);
    this.#drawing = undefined;
    this.clients.value = [...this.#list.entries()];
    this.isComplete.value = this.#list.isLoaded;
  }
}

export const clientFeed = new ClientFeed();
