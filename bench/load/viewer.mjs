import { createConnection } from "node:net";
import { epochMicroseconds } from "../support/clock.mjs";
import { CLOSE, FrameReader, maskedFrame, PING, PONG, TEXT } from "./frames.mjs";

const TIME_FIELD = Buffer.from('"t":');
const [DIGIT_0, DIGIT_9] = [0x30, 0x39];

/** One viewer. What it receives is counted in `totals`, which all viewers share. */
export class Viewer {
  matching = 0;
  ends = 0;
  lines = 0;
  closeCode = 0;
  state = "upgrading";
  #socket;
  #frames = new FrameReader();
  #head = Buffer.alloc(0);
  #options;
  #totals;
  #onSettled;

  constructor(path, options, totals, onSettled) {
    this.#options = options;
    this.#totals = totals;
    this.#onSettled = onSettled;
    this.#socket = createConnection({ port: options.port, host: "127.0.0.1", noDelay: true }, () => {
      // The key need not be random: it only proves that the server understood what it was asked.
      this.#socket.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${options.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      );
    });
    this.#socket.on("data", (chunk) => this.#read(chunk));
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("close", () => this.#closed());
  }

  stall() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }

  #read(chunk) {
    this.#totals.bytes += chunk.length;
    const nowMicroseconds = epochMicroseconds();
    const frames = this.state === "upgrading" ? this.#readUpgrade(chunk) : chunk;
    const isFine = !frames || this.#frames.read(frames, (opcode, data) => this.#onFrame(opcode, data, nowMicroseconds));
    if (isFine) return;
    this.closeCode = 1002;
    this.#socket.destroy();
  }

  /** What comes after the server's answer, or nothing while that is not complete. */
  #readUpgrade(chunk) {
    this.#head = Buffer.concat([this.#head, chunk]);
    const end = this.#head.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    if (!this.#head.toString("latin1").startsWith("HTTP/1.1 101 ")) return void this.#socket.destroy();
    this.state = "opening";
    if (!this.#options.ready && !this.#options["socket-io"]) this.#becomeReady();
    return this.#head.subarray(end + 4);
  }

  #becomeReady() {
    this.state = "watching";
    this.#onSettled();
  }

  #closed() {
    this.closeCode ||= this.state === "watching" ? 1006 : 0;
    const wasWatching = this.state === "watching";
    this.state = wasWatching ? "closed" : "failed";
    if (!wasWatching) this.#onSettled();
  }

  #onFrame(opcode, data, nowMicroseconds) {
    if (opcode === TEXT) this.#onText(data, nowMicroseconds);
    if (opcode === PING) {
      this.#totals.pings += 1;
      if (!this.#options.mute) this.#socket.write(maskedFrame(PONG, data));
    }
    if (opcode === CLOSE) {
      this.closeCode = data.length >= 2 ? data.readUInt16BE(0) : 1005;
      this.#socket.write(maskedFrame(CLOSE, data.subarray(0, 2)));
    }
  }

  #onText(data, nowMicroseconds) {
    if (this.#options["socket-io"] && this.#isEnginePacket(data)) return;
    const { ready, match, matchEnd, matchLine } = this.#options;
    this.#totals.messages += 1;
    if (this.state === "opening" && ready && data.includes(ready)) this.#becomeReady();
    if (!data.includes(match)) return;
    this.matching += 1;
    this.#totals.matching += 1;
    this.#totals.lastMatchingMicroseconds = nowMicroseconds;
    this.#noteLatency(data, nowMicroseconds);
    if (matchLine && data.includes(matchLine)) this.lines += 1;
    if (!matchEnd || !data.includes(matchEnd)) return;
    this.ends += 1;
    this.#totals.ends += 1;
    this.#totals.lastEndMicroseconds = nowMicroseconds;
  }

  #noteLatency(data, nowMicroseconds) {
    const found = data.indexOf(TIME_FIELD);
    if (found < 0) return;
    let sent = 0;
    for (let at = found + TIME_FIELD.length; data[at] >= DIGIT_0 && data[at] <= DIGIT_9; at += 1)
      sent = sent * 10 + (data[at] - DIGIT_0);
    this.#totals.latency.add(nowMicroseconds - sent);
  }

  /** engine.io's own packets begin with another digit than the messages in them, which begin with 4. */
  #isEnginePacket(data) {
    const kind = data.toString("latin1", 0, 2);
    if (kind.startsWith("0")) this.#socket.write(maskedFrame(TEXT, "40"));
    else if (kind.startsWith("2")) this.#options.mute || this.#socket.write(maskedFrame(TEXT, "3"));
    else if (kind === "40" && this.state === "opening") this.#becomeReady();
    else return false;
    return true;
  }
}
