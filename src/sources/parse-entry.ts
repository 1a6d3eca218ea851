import { BullcastError } from "../errors.ts";
import type { Fact, JobEvent, LogEvent, QueueEvent, StreamId } from "./fact.ts";
import { millisecondsOf } from "./fact.ts";

/** A stream entry that is not what its writer should have written; it is counted and passed over. */
export class MalformedEntryError extends BullcastError {
  readonly code = "MALFORMED_ENTRY";
}

/** Fields of an entry, by name. */
export type EntryFields = Readonly<Record<string, string | undefined>>;

/** Turns Redis' flat list of names and values into fields. */
export function fieldsOf(flat: readonly string[]): EntryFields {
  const fields: Record<string, string> = Object.create(null);
  for (let index = 0; index + 1 < flat.length; index += 2) fields[flat[index] as string] = flat[index + 1] as string;
  return fields;
}

/** Names that no BullMQ component writes, and that stop listeners when somebody does. */
const FORBIDDEN_EVENTS: ReadonlySet<string> = new Set(["error", "ioredis:close"]);

/**
 * Reads one entry of a queue's event stream. Null for events that make no message (`retries-exhausted`,
 * `deduplicated`, an application's own).
 *
 * @throws {MalformedEntryError} when the entry lacks what its event must have.
 */
export function parseEventEntry(queue: string, streamId: StreamId, fields: EntryFields): JobEvent | QueueEvent | null {
  const atMs = timeOf(streamId);
  const { event } = fields;
  // Written out: what is made of every entry is read in many places, which is fast where it always has the same shape.
  switch (event) {
    case "paused":
    case "resumed":
    case "drained":
      return { queue, streamId, atMs, kind: event };
    case "cleaned": {
      const count = fields.count === undefined ? null : wholeNumber("count", fields.count);
      return { queue, streamId, atMs, kind: event, count };
    }
    case "added":
      return { queue, streamId, atMs, kind: event, jobId: jobIdOf(fields), name: fields.name ?? null };
    case "waiting":
      return { queue, streamId, atMs, kind: event, jobId: jobIdOf(fields), previous: fields.prev ?? null };
    case "active":
    case "stalled":
    case "waiting-children":
    case "removed":
      return { queue, streamId, atMs, kind: event, jobId: jobIdOf(fields) };
    case "delayed": {
      const jobId = jobIdOf(fields);
      return { queue, streamId, atMs, kind: event, jobId, dueAtMs: wholeNumber("delay", fields.delay) };
    }
    case "progress":
      return { queue, streamId, atMs, kind: event, jobId: jobIdOf(fields), value: json("data", fields.data) };
    case "completed": {
      const jobId = jobIdOf(fields);
      return { queue, streamId, atMs, kind: event, jobId, value: json("returnvalue", fields.returnvalue) };
    }
    case "failed":
      return { queue, streamId, atMs, kind: event, jobId: jobIdOf(fields), reason: fields.failedReason ?? null };
    case undefined:
      throw new MalformedEntryError("an entry without an event name");
    default:
      if (FORBIDDEN_EVENTS.has(event)) throw new MalformedEntryError(`an event named "${event}"`);
      return null;
  }
}

/**
 * Reads one entry of a queue's log stream, as `bullcast/worker` writes it.
 *
 * @throws {MalformedEntryError} when it lacks its job or its text, or its numbers are none.
 */
export function parseLogEntry(queue: string, streamId: StreamId, fields: EntryFields): LogEvent {
  if (!fields.job) throw new MalformedEntryError("a log entry without a job");
  const dropped = fields.dropped === undefined ? null : wholeNumber("dropped", fields.dropped);
  if (dropped === null && fields.msg === undefined) throw new MalformedEntryError("a log entry without a text");
  return {
    queue,
    streamId,
    atMs: timeOf(streamId),
    kind: "log",
    jobId: fields.job,
    level: fields.level ?? null,
    content: dropped === null ? (fields.msg ?? null) : null,
    loggedAtMs: fields.time === undefined ? null : wholeNumber("time", fields.time),
    data: fields.data === undefined ? null : json("data", fields.data),
    dropped,
  };
}

/** Reads one entry of either stream of a queue. */
export type EntryParser = (queue: string, streamId: StreamId, fields: EntryFields) => Fact | null;

/** The last moment a `Date` can hold, epoch ms; anybody may write entries with ids beyond it. */
const MAX_MS = 8.64e15;

function timeOf(streamId: StreamId): number {
  const atMs = millisecondsOf(streamId);
  if (atMs > MAX_MS) throw new MalformedEntryError("an id beyond the end of time");
  return atMs;
}

function jobIdOf({ event, jobId }: EntryFields): string {
  if (!jobId) throw new MalformedEntryError(`"${event}" without a job id`);
  return jobId;
}

function json(field: string, text: string | undefined): unknown {
  if (text === undefined) throw new MalformedEntryError(`no "${field}" where JSON was expected`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MalformedEntryError(`"${field}" is not JSON: ${text.slice(0, 100)}`, { cause });
  }
}

/** BullMQ writes fractions where an application's delay or back-off has them. */
function wholeNumber(field: string, text: string | undefined): number {
  if (text === undefined || !/^\d{1,15}(\.\d+)?$/.test(text)) {
    throw new MalformedEntryError(`"${field}" is no positive number: ${String(text).slice(0, 100)}`);
  }
  return Math.round(Number(text));
}
