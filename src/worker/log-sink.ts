import type { LogEntry } from "./log-entry.ts";
import type { LoggableJob } from "./loggable-job.ts";

/** About how many entries a queue's log stream keeps. */
const MAX_STREAM_ENTRIES = 10_000;

/** Where the entries of one job go. */
export interface LogSink {
  /** Starts to write one entry. MUST keep the order of the calls; MAY throw or reject, which means "not written". */
  append(entry: LogEntry): unknown;
}

interface StreamClient {
  xadd(...args: unknown[]): unknown;
  runCommand?: unknown;
}

/**
 * Finds the job's own Redis client and hands over a sink on it, or one on `job.log()` where there is none (sandboxed
 * processors, PostgreSQL). On its own client a line precedes the script that finishes the job, whoever awaits what.
 *
 * A callback instead of a promise: BullMQ holds its client in a promise already, and a second one would cost the turn
 * in which a processor that logs and returns is overtaken by its own end.
 */
export function openLogSink(job: LoggableJob, opened: (sink: LogSink) => void): void {
  const fallback = (): LogSink => ({ append: (entry) => job.log(entryText(entry)) });
  try {
    const queue = property(job, "queue");
    const toKey = property(queue, "toKey");
    const client = clientOf(queue);
    if (client === undefined || typeof toKey !== "function") return opened(fallback());
    const key = String(Reflect.apply(toKey, queue, ["bullcast-logs"]));
    const id = job.id ?? "";
    Promise.resolve(client).then(
      (ready) => opened(isStreamClient(ready) ? streamSink(ready, key, id) : fallback()),
      () => opened(fallback()),
    );
  } catch {
    opened(fallback());
  }
}

/** BullMQ 6 keeps the client in the queue's backend, BullMQ 5 in the queue; each as a promise. */
function clientOf(queue: unknown): unknown {
  return property(property(queue, "backend"), "client") ?? property(queue, "client");
}

function streamSink(client: StreamClient, key: string, job: string): LogSink {
  // BullMQ's adapters (ioredis, node-redis, ...) take an object of fields; the bare ioredis client of earlier 5.x does not.
  const isAdapter = typeof client.runCommand === "function";
  return {
    append(entry) {
      const fields = { job, ...entry };
      return isAdapter
        ? client.xadd(key, "*", fields, { MAXLEN: MAX_STREAM_ENTRIES, approximate: true })
        : client.xadd(key, "MAXLEN", "~", MAX_STREAM_ENTRIES, "*", ...Object.entries(fields).flat());
    },
  };
}

function entryText(entry: LogEntry): string {
  if ("dropped" in entry) return `[${entry.dropped} log lines dropped]`;
  return [`${entry.level}:`, entry.msg, entry.data].filter(Boolean).join(" ");
}

function isStreamClient(value: unknown): value is StreamClient {
  return typeof property(value, "xadd") === "function";
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
