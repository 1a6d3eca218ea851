import type { StatsSample } from "../../../protocol/admin.ts";

/** Samples so close together make one point: 15 minutes of them are more than a chart has pixels. */
const POINT_MS = 5000;
/** Below this there is room for each sample. */
const SHORT_MS = 3 * 60_000;

/** What a chart shows at one time; no samples where some are missing, as a line over an outage would be made up. */
export interface ChartPoint {
  /** Of its last sample, in seconds. */
  at: number;
  samples: readonly StatsSample[];
}

/** The samples as points. Those of one point are the same each time, so that what is drawn does not tremble. */
export function chartPoints(samples: readonly StatsSample[]): ChartPoint[] {
  const [first, newest] = [samples[0], samples.at(-1)];
  if (!first || !newest) return [];
  const isShort = Date.parse(newest.at) - Date.parse(first.at) < SHORT_MS;
  const points: { at: number; samples: StatsSample[] }[] = [];
  let [lastMs, lastSlot] = [Number.NaN, Number.NaN];
  for (const sample of samples) {
    const ms = Date.parse(sample.at);
    const width = isShort ? sample.interval_ms : Math.max(POINT_MS, sample.interval_ms);
    const slot = isShort ? ms : Math.floor(ms / width);
    const point = points.at(-1);
    if (ms - lastMs > width * 2) points.push({ at: (lastMs + width / 2) / 1000, samples: [] });
    if (point && slot === lastSlot) {
      point.samples.push(sample);
      point.at = ms / 1000;
    } else points.push({ at: ms / 1000, samples: [sample] });
    [lastMs, lastSlot] = [ms, slot];
  }
  return points;
}

/** What several values are shown as: their mean, or the largest where that is the one that matters. */
export function combine(values: readonly (number | null)[], as: "mean" | "max"): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  return as === "max" ? Math.max(...known) : known.reduce((sum, value) => sum + value, 0) / known.length;
}
