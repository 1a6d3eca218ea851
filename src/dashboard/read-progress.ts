import { cutText } from "./cut-text.ts";

const MAX_STEP = 200;

/** A percentage where one can be read from what a worker reported, and everything else of it as text. */
export interface Progress {
  /** From 0 to 100, with at most one decimal. */
  percent: number | null;
  step: string;
}

/** Reads what a worker reported. */
export function readProgress(value: unknown): Progress {
  if (value === null || value === undefined) return { percent: null, step: "" };
  if (typeof value === "number") return { percent: clamp(value), step: "" };
  if (typeof value !== "object" || Array.isArray(value)) return { percent: null, step: textOf(value) };
  const fields = value as Record<string, unknown>;
  const key = ["progress", "percent", "percentage"].find((name) => Number.isFinite(fields[name]));
  const others = Object.entries(fields).filter(([name]) => name !== key);
  const step = others.map(([name, field]) => `${name}: ${textOf(field)}`).join(" · ");
  return { percent: key === undefined ? null : clamp(Number(fields[key])), step: cutText(step, MAX_STEP) };
}

function clamp(percent: number): number {
  return Math.min(Math.max(Math.round(percent * 10) / 10, 0), 100);
}

function textOf(value: unknown): string {
  return cutText(typeof value === "string" ? value : JSON.stringify(value), MAX_STEP);
}
