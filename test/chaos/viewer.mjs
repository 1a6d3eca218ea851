// A viewer with rules as plain as can be: it keeps the newest cursor of each queue, hands them back when it returns, and
// writes down everything it sends and receives before anything is sorted out.
import { createWriteStream } from "node:fs";
import { WebSocket } from "ws";
import { compareIds, decodeCursor, laterId } from "./stream-id.mjs";

const ENDS = new Set(["completed", "failed", "unknown"]);

export class Viewer {
  #url;
  #id;
  #records;
  #random;
  #socket = null;
  #timer;
  #isEnded = false;
  /** Topics that the server has confirmed once: these are resumed. */
  #confirmed = new Set();
  /** Topics asked for and not confirmed yet: these begin anew. */
  #pending;
  /** What this connection has asked for and not been answered. */
  #unanswered = 0;
  /** Newest cursor by queue. */
  #cursors = {};
  /** How far each queue was shown, by stream. */
  #positions = {};
  /** Jobs by `queue:id` that were seen, and whether their end was. */
  #jobs = new Map();
  #lastMessageAt = Date.now();
  #messages = 0;

  /** @param {{ id: string, url: string, topics: string[], file: string, random: object }} settings */
  constructor({ id, url, topics, file, random }) {
    this.#id = id;
    this.#url = url;
    this.#pending = new Set(topics);
    this.#records = createWriteStream(file, { flags: "a" });
    this.#random = random;
  }

  connect() {
    clearTimeout(this.#timer);
    if (this.#socket || this.#isEnded) return;
    const socket = new WebSocket(`${this.#url}/${this.#id}?watch=none`, { handshakeTimeout: 3000 });
    this.#socket = socket;
    socket.on("open", () => {
      if (this.#socket !== socket) return;
      this.#note({ kind: "open" });
      this.#unanswered = 0;
      // Two requests: a topic that was never confirmed must not be resumed from a cursor it has no part in.
      if (this.#confirmed.size > 0) this.#subscribe([...this.#confirmed], { ...this.#cursors });
      if (this.#pending.size > 0) this.#subscribe([...this.#pending]);
    });
    // A socket that was dropped may still hold frames; a browser that has lost its page would not see them either.
    socket.on("message", (data) => this.#socket === socket && this.#received(data));
    socket.on("error", () => undefined);
    socket.on("close", (code) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#note({ kind: "close", code });
      this.#timer = setTimeout(() => this.connect(), this.#random.integer(50, 300));
    });
  }

  /** Watches further jobs. */
  watch(topics) {
    for (const topic of topics) {
      this.#pending.add(topic);
      this.#jobs.set(topic.replace(/^job:/, ""), false);
    }
    if (this.#socket?.readyState === WebSocket.OPEN) this.#subscribe(topics);
  }

  /** Loses the network, and comes back after a while. */
  drop(awayMs) {
    const socket = this.#socket;
    this.#socket = null;
    socket?.terminate();
    this.#note({ kind: "close", code: null, awayMs });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.connect(), awayMs);
  }

  /** Reads nothing for a while. */
  stall(stallMs) {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.pause();
    setTimeout(() => socket.resume(), stallMs);
  }

  /** What tells whether it is at rest. */
  status() {
    return {
      id: this.#id,
      isSubscribed: this.#socket?.readyState === WebSocket.OPEN && this.#pending.size === 0 && this.#unanswered === 0,
      positions: this.#positions,
      unended: [...this.#jobs].filter(([, hasEnded]) => !hasEnded).map(([key]) => key),
      quietMs: Date.now() - this.#lastMessageAt,
      messages: this.#messages,
    };
  }

  /** Leaves for good; resolves when all records are written. */
  async end() {
    this.#isEnded = true;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.terminate();
    await new Promise((resolve) => this.#records.end(resolve));
  }

  #subscribe(topics, since) {
    this.#note({ kind: "subscribe", topics, ...(since && { since }) });
    this.#unanswered += 1;
    this.#send({ type: "subscribe", content: { topics, ...(since && { since }) } });
  }

  #send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  #received(data) {
    const message = JSON.parse(String(data));
    this.#note({ kind: "message", message });
    this.#messages += 1;
    const { type, content, meta } = message;
    if (type !== "ping") this.#lastMessageAt = Date.now();
    if (type === "ping") this.#send({ type: "pong", content: "pong", meta: { ping_id: meta.ping_id } });
    if (meta.cursor) this.#keep(meta.queue, meta.cursor);
    const cursors = (type === "subscribed" ? content.cursors : meta.cursors) ?? {};
    for (const [queue, cursor] of Object.entries(cursors)) this.#keep(queue, cursor);
    if (type === "subscribed") this.#answered(content.topics);
    if (type === "gap") this.#forgetUnended(content.queue);
    if (meta.task_id !== undefined && type !== "logs") this.#follow(message);
  }

  #answered(topics) {
    this.#unanswered -= 1;
    for (const topic of topics) {
      this.#pending.delete(topic);
      this.#confirmed.add(topic);
    }
  }

  #keep(queue, cursor) {
    this.#cursors[queue] = cursor;
    const position = decodeCursor(cursor);
    const known = this.#positions[queue] ?? { events: "0-0", logs: "0-0" };
    this.#positions[queue] = {
      events: laterId(known.events, position.events),
      logs: laterId(known.logs, position.logs),
    };
  }

  /** What became of them may be beyond knowing; snapshots bring back those of which more will be said. */
  #forgetUnended(queue) {
    for (const [key, hasEnded] of this.#jobs) if (!hasEnded && key.startsWith(`${queue}:`)) this.#jobs.delete(key);
  }

  #follow({ type, content, meta }) {
    const hasEnded = type === "snapshot" ? ENDS.has(content.state) : /^task_(success|failed|removed)$/.test(type);
    const reopens = type === "task_added" || type === "task_waiting" || type === "snapshot";
    const key = `${meta.queue}:${meta.task_id}`;
    if (hasEnded || reopens || !this.#jobs.has(key)) this.#jobs.set(key, hasEnded);
  }

  #note(record) {
    this.#records.write(`${JSON.stringify({ at: Date.now(), ...record })}\n`);
  }
}

/** Whether a viewer of whole queues has been shown everything up to these positions. */
export function hasReached(positions, targets) {
  return Object.entries(targets).every(([queue, target]) => {
    const position = positions[queue];
    return position && compareIds(position.events, target.events) >= 0 && compareIds(position.logs, target.logs) >= 0;
  });
}
