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
      const message = JSON.parse(bytes.toString()) as SentMessage;
      this.sent.push(message);
      onSend?.(message);
    },
    ping() {
      this.pings += 1;
      onPing?.();
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
