import { expect, test } from "vitest";
import { BackOff } from "../../src/client/back-off.ts";
import { observeClient } from "./support/client.ts";
import { LedClock } from "./support/led-clock.ts";

test("the bound of the delay doubles up to its maximum, and starts over after a success", () => {
  const backOff = new BackOff({ minDelayMs: 100, maxDelayMs: 1000 }, () => 1);
  expect([1, 2, 3, 4, 5, 6].map(() => backOff.next())).toEqual([100, 200, 400, 800, 1000, 1000]);
  backOff.reset();
  expect(backOff.next()).toBe(100);
});

test("the delay lies anywhere between 0 and the bound", () => {
  const random = [0, 0.25, 0.999];
  const backOff = new BackOff({ minDelayMs: 100, maxDelayMs: 100 }, () => random.shift() ?? 0);
  expect([backOff.next(), backOff.next(), backOff.next()]).toEqual([0, 25, 99.9]);
});

test("thousands of failures do not make the delay run away", () => {
  const backOff = new BackOff({ minDelayMs: 1, maxDelayMs: Number.MAX_VALUE }, () => 1);
  for (let attempt = 0; attempt < 5000; attempt += 1) backOff.next();
  expect(backOff.next()).toBe(2 ** 30);
});

test("a client that cannot connect waits longer each time, and says why", async () => {
  const clock = new LedClock();
  // Nothing listens on port 1 of the loopback interface.
  const url = "ws://127.0.0.1:1/ws";
  const reconnect = { minDelayMs: 250, maxDelayMs: 1500 };
  const { client, errors, states, until } = observeClient({ url, clock, random: () => 0.5, reconnect });
  client.connect();
  for (const [index, delayMs] of [125, 250, 500, 750, 750].entries()) {
    await until(() => errors.length > index, "the attempt failed");
    expect(clock.delays.at(-1)).toBe(delayMs);
    const before = states.length;
    clock.advance(delayMs - 1);
    expect(states.length).toBe(before);
    clock.advance(1);
    expect(states.at(-1)).toBe("connecting");
  }
  expect(errors.every(({ code }) => code === "CONNECT_FAILED")).toBe(true);
});
