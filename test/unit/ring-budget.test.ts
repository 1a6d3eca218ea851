import { describe, expect, it } from "vitest";
import { Ring } from "../../src/notifier/ring.ts";
import { RingBudget } from "../../src/notifier/ring-budget.ts";
import { at, entryAt, frameOf } from "./support/frames.ts";

const KIBIBYTE = 1024;

function fill(budget: RingBudget, ring: Ring, entries: number, bytes = KIBIBYTE): void {
  for (let count = 0; count < entries; count += 1) {
    const entry = entryAt(ring.end + 1, { frame: frameOf("x".repeat(bytes)) });
    budget.change(ring, () => ring.append(entry));
  }
}

const newRings = (count: number) => Array.from({ length: count }, () => new Ring(at(0)));

describe("the memory of all rings together", () => {
  it("is counted whatever is done with them", () => {
    const budget = new RingBudget();
    const [first = new Ring(at(0)), second = new Ring(at(0))] = newRings(2);
    fill(budget, first, 3);
    fill(budget, second, 2);
    expect(budget.bytes).toBe(first.bytes + second.bytes);
    budget.change(first, () => first.drop(1));
    budget.change(second, () => second.prepend([entryAt(-1)], at(-2)));
    expect(budget.bytes).toBe(first.bytes + second.bytes);
    budget.change(first, () => first.restart(at(9)));
    expect(budget.bytes).toBe(second.bytes);
    budget.delete(second);
    expect(budget.bytes).toBe(0);
  });

  it("never exceeds its bound; the oldest of the largest ring goes first", () => {
    const maxBytes = 100 * KIBIBYTE;
    const budget = new RingBudget(maxBytes);
    const [small = new Ring(at(0)), large = new Ring(at(0))] = newRings(2);
    fill(budget, small, 10);
    for (let count = 0; count < 500; count += 1) {
      fill(budget, large, 1);
      expect(budget.bytes).toBeLessThanOrEqual(maxBytes);
    }
    expect(small.length).toBe(10);
    expect(large.end).toBe(500);
    expect(large.at(499)).toBeDefined();
    // No more was dropped than had to be, give or take the share of one drop.
    expect(budget.bytes).toBeGreaterThan(maxBytes * 0.8);
  });

  it("takes an entry that alone is over the bound, and drops it at once", () => {
    const budget = new RingBudget(KIBIBYTE);
    const ring = new Ring(at(0));
    fill(budget, ring, 1, 2 * KIBIBYTE);
    expect(ring).toMatchObject({ length: 0, end: 1, start: at(1) });
    expect(budget.bytes).toBe(0);
  });

  it("has room again when a ring is given up, also twice", () => {
    const budget = new RingBudget(50 * KIBIBYTE);
    const [gone = new Ring(at(0)), kept = new Ring(at(0))] = newRings(2);
    fill(budget, gone, 30);
    budget.delete(gone);
    budget.delete(gone);
    expect(budget.bytes).toBe(0);
    fill(budget, kept, 30);
    expect(kept.length).toBe(30);
  });
});

it("one ring holds at most 100,000 messages", () => {
  const budget = new RingBudget();
  const ring = new Ring(at(0));
  const older = Array.from({ length: 100_000 }, (_, index) => entryAt(index - 100_000));
  budget.change(ring, () => ring.prepend(older, at(-100_001)));
  expect(ring.length).toBe(100_000);
  fill(budget, ring, 3, 1);
  expect(ring).toMatchObject({ length: 100_000, first: -99_997, end: 3 });
});
