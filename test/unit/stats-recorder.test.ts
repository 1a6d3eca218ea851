import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { StatsRecorder } from "../../src/admin/stats-recorder.ts";
import { Statistics } from "../../src/connections/statistics.ts";

function makeRecorder(outbox = { messages: 0, bytes: 0 }) {
  const statistics = new Statistics();
  return { statistics, recorder: new StatsRecorder(statistics, () => outbox) };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance", "Date"], now: Date.parse("2026-01-01T00:00:00Z") }));
afterEach(() => void vi.useRealTimers());

describe("a sample", () => {
  it("has rates per second, whatever the interval took", () => {
    const { statistics, recorder } = makeRecorder({ messages: 3, bytes: 300 });
    statistics.messages.in = 7;
    vi.advanceTimersByTime(1000);
    recorder.sample();
    statistics.messages.in += 20;
    statistics.messagesSent("task_added", 30);
    statistics.messages.dropped += 5;
    statistics.messages.conflated += 1;
    statistics.events += 10;
    statistics.connectionOpened();
    vi.advanceTimersByTime(2500);

    recorder.sample();

    expect(recorder.latest).toEqual({
      at: "2026-01-01T00:00:03.500Z",
      interval_ms: 2500,
      in: 8,
      out: 12,
      dropped: 2,
      conflated: 0.4,
      events: 4,
      connections: 1,
      outbox: { messages: 3, bytes: 300 },
      latency_ms: { p50: null, p99: null },
      rtt_ms: { p50: null, p99: null },
    });
  });

  it("has the latency of its own interval only, and the newest round trips", () => {
    const { statistics, recorder } = makeRecorder();
    const second = (latencies: number[], rtts: number[]) => {
      for (const latency of latencies) statistics.latencyMs.add(latency);
      for (const rtt of rtts) statistics.rttMs.add(rtt);
      vi.advanceTimersByTime(1000);
      recorder.sample();
      return recorder.latest;
    };
    expect(second([500, 700], [30])).toMatchObject({ latency_ms: { p50: 500, p99: 700 }, rtt_ms: { p50: 30 } });
    expect(second([2], [])).toMatchObject({ latency_ms: { p50: 2, p99: 2 }, rtt_ms: { p50: 30 } });
    expect(second([], [])).toMatchObject({ latency_ms: { p50: null, p99: null } });
    expect(
      second(
        Array.from({ length: 5000 }, () => 9),
        [],
      ),
    ).toMatchObject({ latency_ms: { p50: 9, p99: 9 } });
  });
});

describe("the history", () => {
  it("is empty before the first sample", () => {
    const { recorder } = makeRecorder();
    expect(recorder.samples).toEqual([]);
    expect(recorder.latest).toBeNull();
  });

  it("has the newest 900 samples, oldest first, however many there have been", () => {
    const { statistics, recorder } = makeRecorder();
    for (const total of [1, 2, 899, 900, 901, 902, 1799, 1800, 1801]) {
      while (statistics.messages.in < total) {
        statistics.messages.in += 1;
        vi.advanceTimersByTime(1000);
        recorder.sample();
      }
      const newest = total * 1000;
      const times = recorder.samples.map(({ at }) => Date.parse(at) - Date.parse("2026-01-01T00:00:00Z"));
      const kept = Math.min(900, total);
      expect(times).toEqual(Array.from({ length: kept }, (_, index) => newest - (kept - 1 - index) * 1000));
      expect(recorder.latest).toEqual(recorder.samples.at(-1));
    }
  });
});
