/** Longest message, and longest data, of one line; more is cut, because one line must not fill a viewer's outbox. */
const MAX_FIELD_BYTES = 16 * 1024;

/** The key under which pino is told to nest the fields of a log call, so that none can pose as `level` or `msg`. */
export const FIELDS_KEY = "bullcast:fields";

/** One line of a job, bounded in size. */
export interface LogLine {
  /** Label, for example `info`. */
  readonly level: string;
  readonly msg: string;
  /** Epoch milliseconds by the worker's clock. */
  readonly time: number;
  /** JSON object of the other fields of the log call; absent when there are none. */
  readonly data?: string;
}

/** Stands in place of lines that were not written, so that their absence shows. */
export interface LogHole {
  readonly dropped: number;
  /** Epoch milliseconds by the worker's clock. */
  readonly time: number;
}

export type LogEntry = LogLine | LogHole;

/** The bounded line in what pino serialised. Throws when that is not a JSON object. */
export function parseLine(json: string, time: number): LogLine {
  const record: unknown = JSON.parse(json);
  if (!isRecord(record)) throw new TypeError("not a log line");
  const { level, msg, [FIELDS_KEY]: nested, ...bindings } = record;
  const fields: Record<string, unknown> = { ...bindings, ...(isRecord(nested) ? nested : {}) };
  let message = msg;
  // pino's habit: logger.info({ msg: "text" }) is a message, not a field.
  if (message === undefined && typeof fields.msg === "string") {
    message = fields.msg;
    delete fields.msg;
  }
  const data = Object.keys(fields).length > 0 ? boundData(JSON.stringify(fields)) : undefined;
  const line = { level: String(level), msg: boundText(textOf(message)), time };
  return data === undefined ? line : { ...line, data };
}

/** The line for a log call that could not be serialised: its text, and why the rest is missing. */
export function unserialisableLine(level: string, args: readonly unknown[], error: unknown, time: number): LogLine {
  const text = args.find((argument) => typeof argument === "string") ?? "";
  return { level, msg: boundText(text), time, data: JSON.stringify({ unserialisable: reasonOf(error).slice(0, 200) }) };
}

/** What was thrown is as odd as what threw it, so that even to read it may throw. */
function reasonOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.message}` : "unknown";
  } catch {
    return "unknown";
  }
}

function boundText(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_FIELD_BYTES) return text;
  // A character is at least one byte, so what is beyond this many characters cannot be kept anyway.
  const head = Buffer.from(text.slice(0, MAX_FIELD_BYTES));
  let end = MAX_FIELD_BYTES;
  // Never end within a character: step back over UTF-8 continuation bytes.
  while (end > 0 && ((head[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${head.toString("utf8", 0, end)}… [cut: the line had ${bytes} bytes]`;
}

function boundData(json: string): string {
  const bytes = Buffer.byteLength(json);
  return bytes <= MAX_FIELD_BYTES ? json : JSON.stringify({ omitted: "too large", bytes });
}

function textOf(message: unknown): string {
  if (message === undefined) return "";
  return typeof message === "string" ? message : JSON.stringify(message);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
