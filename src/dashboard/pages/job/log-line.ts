import type { MessageOf } from "../../../client/index.ts";
import type { SnapshotLine } from "../../../protocol/snapshot.ts";

/** Levels of a line, the least first. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** One line of a job's log, or the mark that lines are missing here. */
export interface LogLine {
  /** Without colours and the like; of a mark, empty. */
  text: string;
  /** Null for lines of BullMQ's own `job.log()`. */
  level: string | null;
  /** When it was logged, ISO 8601; null when not known. */
  loggedAt: string | null;
  /** On a mark, how many lines are missing, null when not known; undefined on a line. */
  missing?: number | null;
  /** The size of a line too large to be sent, bytes; null when not known; undefined on others. */
  omittedBytes?: number | null;
}

/** Colours and the like, as terminals take them. */
const ESCAPE_SEQUENCES = new RegExp(`${String.fromCharCode(27)}\\[[0-?]*[ -/]*[@-~]`, "g");

export function lineOfSnapshot({ content, level, timestamp }: SnapshotLine): LogLine {
  return { text: plain(content), level, loggedAt: timestamp };
}

export function lineOfMessage({ content, meta, timestamp }: MessageOf<"logs">): LogLine {
  const line = { level: meta.level, loggedAt: meta.logged_at ?? timestamp };
  if (content !== null) return { ...line, text: plain(content) + dataOf(meta.data) };
  if (meta.omitted_bytes !== undefined) return { ...line, text: "", omittedBytes: meta.omitted_bytes };
  return { ...line, text: "", missing: meta.dropped ?? null };
}

/** A line as it stands in a file. */
export function formatLine(line: LogLine, words: (line: LogLine) => string): string {
  return [line.loggedAt, line.level?.toUpperCase(), words(line)].filter(Boolean).join(" ");
}

/** How serious a level is, from 0; null for one that nobody knows. */
export function rankOf(level: string | null): number | null {
  const name = level === "critical" ? "fatal" : level === "warning" ? "warn" : level;
  const rank = LOG_LEVELS.indexOf(name as LogLevel);
  return rank < 0 ? null : rank;
}

function dataOf(data: unknown): string {
  if (data === undefined || data === null) return "";
  const json = JSON.stringify(data);
  return json === "{}" ? "" : ` ${json}`;
}

function plain(text: string): string {
  return text.replace(ESCAPE_SEQUENCES, "").replaceAll("\t", "    ").replaceAll("\r", "");
}
