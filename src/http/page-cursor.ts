import { LISTED_STATES } from "../protocol/queue-summary.ts";
import type { Slot } from "../sources/page-plan.ts";

const FORM = /^([a-z-]+) (\d{1,15}) ([^:]{1,256})$/s;

/** What names the slot at which a page of jobs ended. */
export function encodePageCursor({ state, rank, queue }: Slot): string {
  return Buffer.from(`${state} ${rank} ${queue}`).toString("base64url");
}

/** The slot of such a cursor; null when it is none. It is a place in an order, so a forged one shows nobody more. */
export function decodePageCursor(cursor: string): Slot | null {
  const [, name, rank, queue] = FORM.exec(Buffer.from(cursor, "base64url").toString()) ?? [];
  const state = LISTED_STATES.find((listed) => listed === name);
  if (!state || queue === undefined) return null;
  const slot = { state, rank: Number(rank), queue };
  return encodePageCursor(slot) === cursor ? slot : null;
}
