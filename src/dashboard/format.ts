const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });
const clockTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** What stands where there is no value. */
export const NONE = "–";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `12,345`. */
export function formatCount(count: number): string {
  return whole.format(count);
}

/** `12.3K`, for where there is little room. */
export function formatShort(count: number): string {
  return count < 10_000 ? whole.format(count) : short.format(count);
}

/** A number for each second: `0`, `0.4`, `12`, `1,234`. */
export function formatRate(rate: number): string {
  return rate > 0 && rate < 10 ? String(Number(rate.toFixed(1))) : whole.format(rate);
}

/** `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  let rest = bytes;
  for (const unit of ["B", "KiB", "MiB"]) {
    if (rest < 1024) return `${unit === "B" ? rest : Number(rest.toFixed(1))} ${unit}`;
    rest /= 1024;
  }
  return `${Number(rest.toFixed(1))} GiB`;
}

/** How long, to two units: `340 ms`, `1.2 s`, `2 m 5 s`, `3 d 4 h`. */
export function formatDuration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < 1) return ms === 0 ? "0 ms" : `${Number(ms.toFixed(1))} ms`;
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND) return `${Number((ms / SECOND).toFixed(1))} s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} m ${Math.floor((ms % MINUTE) / SECOND)} s`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ${Math.floor((ms % HOUR) / MINUTE)} m`;
  return `${Math.floor(ms / DAY)} d ${Math.floor((ms % DAY) / HOUR)} h`;
}

/** How long ago, to one unit: `now`, `5 s ago`, `3 m ago`. A clock a little behind the server's makes no future. */
export function formatAgo(time: number, now: number): string {
  const ms = now - time;
  if (ms < SECOND) return "now";
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s ago`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} m ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`;
  return `${Math.floor(ms / DAY)} d ago`;
}

/** `14:03:21`. */
export function formatClock(time: string | number): string {
  return clockTime.format(new Date(time));
}

/** `14:03:21`, and where that could be of another day, `26 Nov 2026, 14:03:21`. */
export function formatMoment(time: string | number, now: number): string {
  return Math.abs(now - new Date(time).getTime()) < DAY / 2 ? formatClock(time) : formatInstant(time);
}

/** `26 Nov 2026, 14:03:21`. */
export function formatInstant(time: string | number): string {
  return dayTime.format(new Date(time));
}
