import { calibrateClock, epochMicroseconds } from "./clock.mjs";
import { cpuMicroseconds } from "./commands.mjs";
import { everyInterval } from "./pacing.mjs";

/** Of a message's JSON, about. */
export const DEFAULT_BYTES = 250;
/** What is in it beside the padding. */
const OTHER_BYTES = 140;

/** How many messages one turn of the event loop sends. */
const MESSAGES_PER_TURN = { tens: 10, paced: 1, fast: 1 };

/**
 * A `send` command's handler for servers: hands `messages` messages to `send` in the way of the mode. `fast` has no pause
 * between turns. What the process had used of the CPU before the first one is in the answer.
 */
export function broadcaster(send) {
  return async ({ mode, messages, intervalMs, bytes = DEFAULT_BYTES }) => {
    const padding = "x".repeat(bytes - OTHER_BYTES);
    calibrateClock();
    const perTurn = MESSAGES_PER_TURN[mode];
    const answer = { startedAtMicroseconds: epochMicroseconds(), cpuAtStartMicroseconds: cpuMicroseconds() };
    let sent = 0;
    await everyInterval(mode === "fast" ? 0 : intervalMs, Math.ceil(messages / perTurn), () => {
      for (let index = 0; index < perTurn && sent < messages; index += 1, sent += 1) send(newMessage(sent, padding));
    });
    return { ...answer, sent };
  };
}

function newMessage(number, padding) {
  return { type: "bench", content: { t: epochMicroseconds(), padding }, meta: { queue: "bench", number } };
}

/** bullcast adds the time of a message; the others are given it, so that all send the same. */
export function withTimestamp(message) {
  return { ...message, timestamp: new Date().toISOString() };
}
