import { computed } from "@preact/signals";
import type { StatsContent } from "../../../protocol/admin.ts";
import { bridgeStats } from "../../data/bridge-stats.ts";
import { formatCount, formatDuration, formatRate, formatShort } from "../../format.ts";
import { TEXTS } from "../../texts.ts";
import type { Line } from "./chart.tsx";
import { Chart } from "./chart.tsx";
import { chartPoints } from "./chart-points.ts";

const texts = TEXTS.overview.charts;

const MESSAGES: readonly Line[] = [
  { label: texts.events, tone: "accent", as: "mean", of: (sample) => sample.events },
  { label: texts.out, tone: "good", as: "mean", of: (sample) => sample.out },
  { label: texts.in, tone: "neutral", as: "mean", of: (sample) => sample.in },
];
const LATENCY: readonly Line[] = [
  { label: texts.p50, tone: "accent", as: "mean", of: (sample) => sample.latency_ms.p50 },
  { label: texts.p99, tone: "warn", as: "max", of: (sample) => sample.latency_ms.p99 },
];
const CONNECTIONS: readonly Line[] = [
  { label: texts.current, tone: "accent", as: "max", of: (sample) => sample.connections },
];
const OUTBOX: readonly Line[] = [
  { label: texts.queued, tone: "accent", as: "max", of: (sample) => sample.outbox.messages },
  { label: texts.dropped, tone: "bad", as: "max", of: (sample) => sample.dropped },
];

const points = computed(() => chartPoints(bridgeStats.samples.value));

/** Short, and with the fractions of small numbers. */
function formatTick(value: number): string {
  return value < 10 ? formatRate(value) : formatShort(value);
}

/** What went through the bridge in the last 15 minutes. Pointing at one chart shows that moment in all of them. */
export function Charts({ totals }: { totals: StatsContent["totals"] | null }) {
  const data = { points: points.value, newest: bridgeStats.samples.value.at(-1) ?? null };
  const peak = totals ? texts.peak(formatCount(totals.connections.peak)) : "";
  return (
    <section class="charts" aria-label={texts.label}>
      <Chart {...data} title={texts.messages} lines={MESSAGES} format={formatRate} formatAxis={formatTick} />
      <Chart
        {...data}
        title={texts.latency}
        lines={LATENCY}
        whenEmpty={texts.noLatency}
        format={formatDuration}
        formatAxis={formatDuration}
      />
      <Chart
        {...data}
        title={texts.connections}
        lines={CONNECTIONS}
        note={peak}
        format={formatCount}
        formatAxis={formatTick}
      />
      <Chart {...data} title={texts.outbox} lines={OUTBOX} format={formatRate} formatAxis={formatTick} />
    </section>
  );
}
