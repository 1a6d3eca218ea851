import type { Transport } from "../../../src/connections/transport.ts";

/** A message as it stood on the wire. */
export interface SentMessage {
  type: string;
  content: unknown;
  meta: Record<string, unknown>;
  timestamp: string;
}

/** A transport that records what it is told; `isFull` is the test's to set. */
export interface FakeSocket extends Transport {
  isFull: boolean;
  readonly sent: SentMessage[];
  /** Every close the transport was asked for; more than one is a fault. */
  readonly closes: { code: number; reason: string }[];
  pings: number;
  terminations: number;
}

export interface FakeSocketBehaviour {
  /** Called after every message. */
  onSend?: (message: SentMessage) => void;
  /** Called for every protocol ping. */
  onPing?: () => void;
  /** Called when the transport is asked to close. */
  onClose?: () => void;
}

export function fakeSocket({ onSend, onPing, onClose }: FakeSocketBehaviour = {}): FakeSocket {
  return {
    isFull: false,
    sent: [],
    closes: [],
    pings: 0,
    terminations: 0,
    send(bytes) {
      for (const { opcode, text } of framesIn(bytes)) {
        if (opcode === PING) {
          this.pings += 1;
          onPing?.();
          continue;
        }
        const message = JSON.parse(text) as SentMessage;
        this.sent.push(message);
        onSend?.(message);
      }
    },
    close(code, reason) {
      this.closes.push({ code, reason });
      onClose?.();
    },
    terminate() {
      this.terminations += 1;
    },
  };
}

/** The messages in what was written. */
export function messagesIn(bytes: Buffer): SentMessage[] {
  return [...framesIn(bytes)]
    .filter(({ opcode }) => opcode !== PING)
    .map(({ text }) => JSON.parse(text) as SentMessage);
}

const PING = 9;

/** Takes what was written apart again (RFC 6455, section 5.2). */
function* framesIn(bytes: Buffer): Generator<{ opcode: number; text: string }> {
  for (let at = 0; at < bytes.length; ) {
    const short = bytes.readUInt8(at + 1);
    const [headerLength, length] =
      short < 126
        ? [2, short]
        : short === 126
          ? [4, bytes.readUInt16BE(at + 2)]
          : [10, Number(bytes.readBigUInt64BE(at + 2))];
    const start = at + headerLength;
    yield { opcode: bytes.readUInt8(at) & 0x0f, text: bytes.toString("utf8", start, start + length) };
    at = start + length;
  }
}
