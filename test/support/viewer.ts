import { onTestFinished } from "vitest";
import type { ClientOptions } from "ws";
import { WebSocket } from "ws";

/** A message as a client sees it. */
export interface ReceivedMessage {
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: any JSON may come, and tests look into it freely
  content: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  meta: Record<string, any>;
  timestamp: string;
}

const PATIENCE_MS = 15_000;

/** A WebSocket client that keeps everything it receives, and on which tests wait for what they expect. */
export class Viewer {
  readonly messages: ReceivedMessage[] = [];
  readonly socket: WebSocket;
  /** Code and reason of the close, once it is closed. */
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #waiting = new Set<() => void>();

  constructor(url: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(url, options);
    this.socket.on("message", (data) => {
      this.messages.push(JSON.parse(String(data)) as ReceivedMessage);
      for (const check of [...this.#waiting]) check();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on("close", (code, reason) => {
        resolve({ code, reason: String(reason) });
        for (const check of [...this.#waiting]) check();
      });
    });
    // A refused upgrade is reported through `refusal` and `closed`.
    this.socket.on("error", () => undefined);
    onTestFinished(() => this.socket.terminate());
  }

  /** Connects and waits until the server has said that the topics of the URL are subscribed. */
  static async open(url: string, options: ClientOptions = {}): Promise<Viewer> {
    const viewer = new Viewer(url, options);
    await viewer.next((message) => message.type === "subscribed" || message.type === "connected");
    if (!/watch=none/.test(url)) await viewer.next("subscribed");
    return viewer;
  }

  /** Connects where a refusal before the handshake is expected; answers its status and problem document. */
  static refusal(url: string, options: ClientOptions = {}): Promise<{ status: number; problem: { detail: string } }> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, options);
      onTestFinished(() => socket.terminate());
      socket.on("open", () => reject(new Error("the upgrade was accepted")));
      socket.on("error", reject);
      socket.on("unexpected-response", (_request, response) => {
        let body = "";
        response.on("data", (chunk) => {
          body += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, problem: JSON.parse(body) }));
      });
    });
  }

  send(message: unknown): void {
    this.socket.send(typeof message === "string" || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  /** The first message, received already or to come, that is wanted. */
  async next(wanted: string | ((message: ReceivedMessage) => boolean)): Promise<ReceivedMessage> {
    const isWanted = typeof wanted === "string" ? ({ type }: ReceivedMessage) => type === wanted : wanted;
    await this.until(() => this.messages.some(isWanted), `no message for ${String(wanted)}`);
    return this.messages.find(isWanted) as ReceivedMessage;
  }

  /** Waits until a condition over the messages holds; it is checked at each message. */
  until(holds: () => boolean, complaint = "the condition never held"): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error) => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        if (error) reject(error);
        else resolve();
      };
      const check = () => {
        if (holds()) finish();
        else if (this.socket.readyState === WebSocket.CLOSED)
          finish(new Error(`closed: ${complaint}; ${this.summary()}`));
      };
      const timer = setTimeout(() => finish(new Error(`${complaint}; ${this.summary()}`)), PATIENCE_MS);
      this.#waiting.add(check);
      check();
    });
  }

  /** The messages about one job, without log lines, in the order received. */
  ofJob(taskId: string): ReceivedMessage[] {
    return this.messages.filter(({ type, meta }) => meta.task_id === taskId && type !== "logs");
  }

  summary(): string {
    return `received ${this.messages.length}: ${this.messages
      .slice(-30)
      .map(({ type }) => type)
      .join(", ")}`;
  }
}
