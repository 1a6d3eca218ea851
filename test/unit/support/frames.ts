import type { Frame } from "../../../src/connections/frame.ts";
import type { RingEntry } from "../../../src/notifier/ring.ts";
import { NO_LINES } from "../../../src/notifier/ring.ts";

/** A frame of its own with this text. */
export function frameOf(text: string): Frame {
  return { type: "test", bytes: Buffer.from(text), expendable: null, subject: null, encodedAt: 0 };
}

/** A ring's entry of the event stream at this number, unless other fields say otherwise. */
export function entryAt(events: number, fields: Partial<RingEntry> = {}): RingEntry {
  return {
    stream: "events",
    events: `${events}-0`,
    logs: "0-0",
    jobId: "1",
    line: null,
    frame: frameOf(`${events}`),
    lines: NO_LINES,
    ...fields,
  };
}

/** A position in both streams. */
export function at(events: number, logs = 0): { events: string; logs: string } {
  return { events: `${events}-0`, logs: `${logs}-0` };
}
