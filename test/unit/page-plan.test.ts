import fc from "fast-check";
import { expect, test } from "vitest";
import type { ListedState } from "../../src/protocol/queue-summary.ts";
import { LISTED_STATES } from "../../src/protocol/queue-summary.ts";
import type { Places, Slot } from "../../src/sources/page-plan.ts";
import { planPage, statesFrom } from "../../src/sources/page-plan.ts";

const QUEUES = ["a", "b", "constructor", "é"];

/** How many jobs each queue has in each state. */
const placesArbitrary = fc
  .array(fc.integer({ min: 0, max: 5 }), { minLength: 32, maxLength: 32 })
  .map((lengths) =>
    LISTED_STATES.flatMap((state, row) =>
      QUEUES.map((queue, column) => ({ state, queue, length: lengths[row * QUEUES.length + column] ?? 0 })),
    ),
  );

/** All pages one after the other, each planned with what is asked for it. */
function readAll(places: readonly Places[], limit: number, states: readonly ListedState[] = LISTED_STATES): Slot[][] {
  const pages: Slot[][] = [];
  let after: Slot | null = null;
  for (;;) {
    const wanted = statesFrom(states, after);
    const { slots, isEnd } = planPage(
      places.filter(({ state }) => wanted.includes(state)),
      limit,
      after,
    );
    pages.push(slots);
    after = slots.at(-1) ?? null;
    if (isEnd || !after) return pages;
  }
}

test("page after page shows every job once, whatever the size of a page", () => {
  fc.assert(
    fc.property(placesArbitrary, fc.integer({ min: 1, max: 20 }), (places, limit) => {
      const pages = readAll(places, limit);
      const whole = readAll(places, 1000).flat();
      expect(pages.flat()).toEqual(whole);
      expect(new Set(whole.map((slot) => JSON.stringify(slot))).size).toBe(whole.length);
      expect(whole.length).toBe(places.reduce((sum, { length }) => sum + length, 0));
      for (const page of pages.slice(0, -1)) expect(page.length).toBe(limit);
    }),
  );
});

test("queues take turns within a state, and states follow each other in their order", () => {
  const places: Places[] = [
    { state: "active", queue: "a", length: 3 },
    { state: "active", queue: "b", length: 1 },
    { state: "failed", queue: "a", length: 0 },
    { state: "failed", queue: "b", length: 2 },
  ];
  expect(planPage(places, 50, null)).toEqual({
    slots: [
      { state: "active", rank: 0, queue: "a" },
      { state: "active", rank: 0, queue: "b" },
      { state: "active", rank: 1, queue: "a" },
      { state: "active", rank: 2, queue: "a" },
      { state: "failed", rank: 0, queue: "b" },
      { state: "failed", rank: 1, queue: "b" },
    ],
    isEnd: true,
  });
});

test("only the states asked for are looked at, each once, and none before where the last page ended", () => {
  expect(statesFrom(["failed", "active", "failed"], null)).toEqual(["active", "failed"]);
  expect(statesFrom(LISTED_STATES, { state: "paused", rank: 0, queue: "a" })).toEqual([
    "paused",
    "failed",
    "completed",
  ]);
  expect(statesFrom(["active"], { state: "paused", rank: 0, queue: "a" })).toEqual([]);
});

test("a place far behind what there is ends the state, at no cost", () => {
  const places: Places[] = [
    { state: "active", queue: "a", length: 1_000_000 },
    { state: "failed", queue: "a", length: 1 },
  ];
  const far: Slot = { state: "active", rank: 999_999_999_999_999, queue: "a" };
  expect(planPage(places, 50, far)).toEqual({ slots: [{ state: "failed", rank: 0, queue: "a" }], isEnd: true });
});

test("the end of a state that ends with a page is known as the end only where nothing follows", () => {
  const places: Places[] = [{ state: "completed", queue: "a", length: 2 }];
  expect(planPage(places, 2, null).isEnd).toBe(true);
  expect(planPage([...places, { state: "completed", queue: "b", length: 0 }], 2, null).isEnd).toBe(true);
  expect(planPage([{ state: "active", queue: "a", length: 2 }, ...places], 2, null).isEnd).toBe(false);
});
