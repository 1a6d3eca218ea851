import { signal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import type { StatsSample } from "../../../protocol/admin.ts";
import { formatClock, NONE } from "../../format.ts";
import type { Tone } from "../../parts/badge.tsx";
import { TEXTS } from "../../texts.ts";
import { theme } from "../../theme.ts";
import type { ChartPoint } from "./chart-points.ts";
import { combine } from "./chart-points.ts";

/** One line of a chart. */
export interface Line {
  label: string;
  tone: Tone;
  /** What one point shows of its samples. */
  as: "mean" | "max";
  /** Null where there was nothing to measure. */
  of: (sample: StatsSample) => number | null;
}

interface ChartProps {
  title: string;
  lines: readonly Line[];
  points: readonly ChartPoint[];
  newest: StatsSample | null;
  /** Beside the values. */
  note?: string;
  /** Said where no sample has a value. */
  whenEmpty?: string;
  format: (value: number) => string;
  formatAxis: (value: number) => string;
}

const HEIGHT = 138;
/** What is shown at least, so that the first samples are no wall. */
const SHORTEST_SECONDS = 60;
const darkScheme = matchMedia("(prefers-color-scheme: dark)");

/** Which point is pointed at; null while the newest counts. One for all charts, as they show the same time. */
const pointed = signal<number | null>(null);

/** Values over time: as numbers, of now or of the moment pointed at, and as lines. */
export function Chart({ title, lines, points, newest, note, whenEmpty, format, formatAxis }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLDListElement>(null);
  const plot = useRef<UPlot | null>(null);

  useEffect(() => {
    const { current } = place;
    if (!current) return;
    const made = new UPlot(
      optionsOf(lines, formatAxis, () => legend.current),
      [[]],
      current,
    );
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: current.clientWidth, height: HEIGHT }));
    resized.observe(current);
    const redraw = () => made.redraw(false);
    darkScheme.addEventListener("change", redraw);
    return () => {
      darkScheme.removeEventListener("change", redraw);
      resized.disconnect();
      made.destroy();
      plot.current = null;
      pointed.value = null;
    };
  }, [lines]);

  useEffect(() => {
    const columns = lines.map((line) => points.map((point) => valueAt(line, point.samples)));
    plot.current?.setData([points.map(({ at }) => at), ...columns]);
  }, [points, lines]);

  useSignalEffect(() => {
    theme.value;
    plot.current?.redraw(false);
  });

  const point = pointed.value === null ? undefined : points[pointed.value];
  const samples = point?.samples ?? (newest ? [newest] : []);
  const isEmpty =
    whenEmpty !== undefined && points.every((at) => lines.every((line) => valueAt(line, at.samples) === null));
  return (
    <section class="card chart" aria-label={title}>
      <header class="chart-head">
        <h2>{title}</h2>
        <span class="chart-moment">{point ? formatClock(point.at * 1000) : note}</span>
      </header>
      <dl class="chart-values" ref={legend}>
        {lines.map((line) => {
          const value = valueAt(line, samples);
          return (
            <div key={line.label} data-tone={line.tone}>
              <dt>{line.label}</dt>
              <dd>{value === null ? NONE : format(value)}</dd>
            </div>
          );
        })}
      </dl>
      <div class="chart-plot" role="img" aria-label={describe(title, points)} ref={place} />
      {!newest && <p class="chart-wait">{TEXTS.overview.charts.collecting}</p>}
      {newest && isEmpty && <p class="chart-wait">{whenEmpty}</p>}
    </section>
  );
}

/** What a chart shows, for who does not see it; the numbers are beside it. */
function describe(title: string, points: readonly ChartPoint[]): string {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return title;
  return TEXTS.overview.charts.span(title, formatClock(first.at * 1000), formatClock(last.at * 1000));
}

function valueAt({ of, as }: Line, samples: readonly StatsSample[]): number | null {
  return combine(samples.map(of), as);
}

function optionsOf(
  lines: readonly Line[],
  formatAxis: (value: number) => string,
  legend: () => HTMLElement | null,
): UPlot.Options {
  // Colours are the stylesheet's: asked for at each drawing, so that a change of theme needs nothing else.
  const colorOf = (index: number, opacity = 1) => {
    const entry = legend()?.querySelectorAll("dt")[index];
    const color = entry ? getComputedStyle(entry).color : "rgb(128 128 128)";
    return opacity === 1 ? color : `color-mix(in srgb, ${color} ${opacity * 100}%, transparent)`;
  };
  const styleOf = (property: "color" | "borderTopColor") => {
    const element = legend();
    return element ? getComputedStyle(element)[property] : "grey";
  };
  const axis: UPlot.Axis = {
    stroke: () => styleOf("color"),
    font: "11px Inter, ui-sans-serif, system-ui, sans-serif",
    ticks: { show: false },
    grid: { stroke: () => styleOf("borderTopColor"), width: 1 },
  };
  return {
    width: 200,
    height: HEIGHT,
    padding: [8, 14, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: "bullcast" },
      drag: { x: false, y: false },
      y: false,
      points: { size: 6, width: 0, fill: (_plot, index) => colorOf(index - 1) },
    },
    scales: {
      x: { range: (_plot, from, to) => [Math.min(from, to - SHORTEST_SECONDS), to] },
      y: { range: (_plot, _from, to) => [0, niceTop(to)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 28, gap: 9, space: 80, values: (_plot, ticks) => clocksOf(ticks) },
      { ...axis, size: 52, gap: 6, space: 34, values: (_plot, ticks) => ticks.map(formatAxis) },
    ],
    series: [
      {},
      ...lines.map(
        (_line, index): UPlot.Series => ({
          width: 1.5,
          points: { show: false },
          stroke: () => colorOf(index),
          ...(index === 0 && { fill: () => colorOf(index, 0.1) }),
        }),
      ),
    ],
    hooks: {
      setCursor: [
        ({ cursor }) => {
          pointed.value = cursor.idx ?? null;
        },
      ],
    },
  };
}

/** Some air above; a line of nothing lies on the ground. */
function niceTop(top: number | null): number {
  return top === null || top <= 0 ? 4 : top * 1.15;
}

/** Whole minutes are enough where all ticks are such. */
function clocksOf(ticks: readonly number[]): string[] {
  const length = ticks.every((seconds) => seconds % 60 === 0) ? "14:03".length : "14:03:21".length;
  return ticks.map((seconds) => formatClock(seconds * 1000).slice(0, length));
}
