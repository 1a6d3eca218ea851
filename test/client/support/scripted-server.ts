import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { WebSocket } from "ws";
import { WebSocketServer } from "ws";
import { Latch } from "./latch.ts";

/** What a client sent. */
export interface Received {
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: any JSON may come, and tests look into it freely
  content: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  meta: any;
}

/** One connection of a client, on the server's side. */
export class ScriptedConnection {
  readonly received: Received[] = [];
  /** Path and query the client connected to. */
  readonly url: URL;
  readonly socket: WebSocket;
  /** Code of the close, once it is closed. */
  closeCode: number | null = null;
  readonly #latch = new Latch();
  #taken = 0;

  constructor(socket: WebSocket, url: string) {
    this.socket = socket;
    this.url = new URL(url, "ws://scripted");
    socket.on("message", (data) => {
      this.received.push(JSON.parse(String(data)));
      this.#latch.changed();
    });
    socket.on("close", (code) => {
      this.closeCode = code;
      this.#latch.changed();
    });
  }

  send(type: string, content: unknown = null, meta: object = {}, timestamp = "2026-01-01T00:00:00.000Z"): void {
    this.socket.send(JSON.stringify({ type, content, meta, timestamp }));
  }

  /** The next message of the client, in the order sent; it must be of this type. */
  async take(type: string): Promise<Received> {
    await this.#latch.until(() => this.received.length > this.#taken, `the client sent ${type}`);
    const message = this.received[this.#taken] as Received;
    this.#taken += 1;
    if (message.type !== type) throw new Error(`expected ${type}, given ${JSON.stringify(message)}`);
    return message;
  }

  /** Takes the next `subscribe` and answers it. */
  async subscribed(cursors: Record<string, string> = {}, recovered = false): Promise<Received> {
    const request = await this.take("subscribe");
    this.answer(request, cursors, recovered);
    return request;
  }

  answer({ content, meta }: Received, cursors: Record<string, string> = {}, recovered = false): void {
    this.send("subscribed", { topics: content.topics, recovered, cursors }, { request_id: meta.request_id });
  }

  async closed(): Promise<void> {
    await this.#latch.until(() => this.closeCode !== null, "the connection closed");
  }
}

/** A bridge that says what the test tells it to; only `connected` comes by itself. Ends with the test. */
export class ScriptedServer {
  readonly connections: ScriptedConnection[] = [];
  readonly url: string;
  readonly #latch = new Latch();
  #taken = 0;

  private constructor(server: WebSocketServer, heartbeat: number | null) {
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`;
    server.on("connection", (socket, { url = "" }) => {
      const connection = new ScriptedConnection(socket, url);
      this.connections.push(connection);
      const limits = { heartbeat_interval: heartbeat, heartbeat_timeout: heartbeat && 2 * heartbeat };
      connection.send("connected", { client_id: "scripted", protocol: 1, topics: [], ...limits });
      this.#latch.changed();
    });
  }

  /** `heartbeat`: the interval that it says it pings at, seconds; the timeout is twice that. */
  static async start({ heartbeat = null }: { heartbeat?: number | null } = {}): Promise<ScriptedServer> {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await new Promise((resolve) => server.once("listening", resolve));
    onTestFinished(async () => {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    });
    return new ScriptedServer(server, heartbeat);
  }

  /** The next connection that a client makes, or has made. */
  async accept(): Promise<ScriptedConnection> {
    await this.#latch.until(() => this.connections.length > this.#taken, "a client connected");
    this.#taken += 1;
    return this.connections[this.#taken - 1] as ScriptedConnection;
  }
}
