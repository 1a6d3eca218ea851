import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SampleWindow } from "../../src/connections/sample-window.ts";

describe("a sample window", () => {
  it("has no percentiles before its first sample", () => {
    expect(new SampleWindow().percentiles()).toEqual({ p50: null, p99: null });
  });

  it("answers a single sample as every percentile", () => {
    const samples = new SampleWindow();
    samples.add(7);
    expect(samples.percentiles()).toEqual({ p50: 7, p99: 7 });
  });

  it("takes percentiles by nearest rank", () => {
    const samples = new SampleWindow();
    for (let value = 100; value >= 1; value -= 1) samples.add(value);
    expect(samples.percentiles()).toEqual({ p50: 50, p99: 99 });
  });

  it("orders samples as numbers", () => {
    const samples = new SampleWindow();
    for (const value of [1000, 9, 80]) samples.add(value);
    expect(samples.percentiles()).toEqual({ p50: 80, p99: 1000 });
  });

  it("answers for the newest so many alone", () => {
    const samples = new SampleWindow(4);
    for (const value of [1, 2, 3, 4, 50, 60]) samples.add(value);
    expect(samples.percentiles(2)).toEqual({ p50: 50, p99: 60 });
    expect(samples.percentiles(100)).toEqual({ p50: 4, p99: 60 });
    expect(samples.percentiles(0)).toEqual({ p50: null, p99: null });
  });

  it("counts all samples there have been, each under the least bound that is not below it", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 20_000, noNaN: true }), { maxLength: 50 }), (all) => {
        const samples = new SampleWindow(3);
        for (const value of all) samples.add(value);
        const { boundsMs, counts, sumMs } = samples.distribution;
        const expected = [...boundsMs, Number.POSITIVE_INFINITY].map(
          (bound, index) => all.filter((value) => value <= bound && value > (boundsMs[index - 1] ?? -1)).length,
        );
        expect(counts).toEqual(expected);
        expect(sumMs).toBeCloseTo(all.reduce((sum, value) => sum + value, 0));
        expect(samples.count).toBe(all.length);
      }),
    );
  });

  it("forgets the oldest samples when it is full", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(), { minLength: 1, maxLength: 40, size: "max" }),
        fc.integer({ min: 1, max: 10 }),
        (all, size) => {
          const [window, fresh] = [new SampleWindow(size), new SampleWindow(size)];
          for (const value of all) window.add(value);
          for (const value of all.slice(-size)) fresh.add(value);
          expect(window.percentiles()).toEqual(fresh.percentiles());
        },
      ),
    );
  });
});
