/** Fields of a job's hash that a snapshot tells, in the order in which they are asked for. */
export const SNAPSHOT_FIELDS = [
  "name",
  "timestamp",
  "processedOn",
  "finishedOn",
  "progress",
  "atm",
  "opts",
  "returnvalue",
  "failedReason",
  "parent",
] as const;

/** Those that a line of a list tells. What a job returned is not among them: it may be of any size. */
export const SUMMARY_FIELDS = SNAPSHOT_FIELDS.filter((field) => field !== "returnvalue");

/** The fields of which every job has some; hashes of other kinds, as `meta`, have none. */
export const MARKS = ["name", "timestamp", "processedOn", "finishedOn"] as const;

/** What a job's hash says. Null is what is not set, or not what it should be. */
export interface JobFields {
  /** Whether there is a job. */
  exists: boolean;
  name: string | null;
  progress: unknown;
  attemptsMade: number | null;
  attempts: number | null;
  result: unknown;
  failedReason: string | null;
  /** How many log lines the job keeps; null for all, and where `hasOptions` is false. */
  keepLogs: number | null;
  /** Whether the job's options could be read. */
  hasOptions: boolean;
  addedAtMs: number | null;
  startedAtMs: number | null;
  finishedAtMs: number | null;
  parent: { queue: string; id: string } | null;
}

/** Reads the answers to what was asked of a job's hash; none at all where the key is no hash. */
export function readJobFields(
  values: readonly (string | null)[],
  asked: readonly (typeof SNAPSHOT_FIELDS)[number][] = SNAPSHOT_FIELDS,
): JobFields {
  const fields = Object.fromEntries(
    SNAPSHOT_FIELDS.map((field) => [field, values[asked.indexOf(field)] ?? null]),
  ) as Record<(typeof SNAPSHOT_FIELDS)[number], string | null>;
  const exists = MARKS.some((field) => fields[field] !== null);
  const options = recordOf(jsonOf(fields.opts));
  return {
    exists,
    name: fields.name,
    progress: jsonOf(fields.progress),
    // BullMQ writes it with the first attempt that ends.
    attemptsMade: exists && fields.atm === null ? 0 : numberOf(fields.atm),
    attempts: options && attemptsOf(options.attempts),
    result: jsonOf(fields.returnvalue),
    failedReason: fields.failedReason,
    keepLogs: options && keepLogsOf(options.kl),
    hasOptions: options !== null,
    addedAtMs: numberOf(fields.timestamp),
    startedAtMs: numberOf(fields.processedOn),
    finishedAtMs: numberOf(fields.finishedOn),
    parent: parentOf(recordOf(jsonOf(fields.parent))),
  };
}

/** BullMQ writes 0 or nothing for a job that is tried once. */
function attemptsOf(attempts: unknown): number {
  return typeof attempts === "number" ? Math.max(1, attempts) : 1;
}

/** BullMQ takes 0 for no limit. */
function keepLogsOf(keepLogs: unknown): number | null {
  return typeof keepLogs === "number" && keepLogs > 0 ? keepLogs : null;
}

/** The queue's key is `<prefix>:<queue>`; prefixes may hold colons, queue names do not. */
function parentOf(parent: Record<string, unknown> | null): JobFields["parent"] {
  if (typeof parent?.id !== "string" || typeof parent.queueKey !== "string") return null;
  return { queue: parent.queueKey.slice(parent.queueKey.lastIndexOf(":") + 1), id: parent.id };
}

/** A number that is none below zero; fractions, as an application's own timestamps may have, are rounded. */
function numberOf(text: string | null): number | null {
  return text !== null && /^\d{1,15}(\.\d+)?$/.test(text) ? Math.round(Number(text)) : null;
}

/** Levels a value may have; with some thousand JSON can still be read, but not be written again. */
const MAX_DEPTH = 1000;

/** What a text says as JSON; null where it is none, or nests deeper than can be written again. */
export function jsonOf(text: string | null): unknown {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return text.length <= MAX_DEPTH || isWithin(value, MAX_DEPTH) ? value : null;
  } catch {
    return null;
  }
}

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isWithin(inner, levels - 1));
}

function recordOf(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
}
