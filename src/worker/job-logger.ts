import type { LevelWithSilent, Logger } from "pino";
import { pino } from "pino";
import { FIELDS_KEY, parseLine, unserialisableLine } from "./log-entry.ts";
import { openLogSink } from "./log-sink.ts";
import { LogWriter } from "./log-writer.ts";
import type { LoggableJob } from "./loggable-job.ts";

/** Settings of a job's logger. */
export interface JobLoggerOptions {
  /** The lowest level that is written. Default `trace`: what a job logs is what its viewers see. */
  level?: LevelWithSilent;
}

/**
 * A pino logger whose lines viewers of the job see live. Each goes at once, on the job's own Redis connection, to the
 * capped stream `<prefix>:<queue>:bullcast-logs` (about 10,000 entries), or to `job.log()` where the job has no Redis
 * client (sandboxed processors, PostgreSQL).
 *
 * Logging never throws into the job and never waits: with 1,000 lines unanswered, further ones are dropped and the
 * stream says how many; lines that Redis refuses are counted alike. A message beyond 16 KiB is cut and says so, larger
 * data gives way to its size. Call {@link flushJobLogger} before the job ends, or use `withJobLogger`, which does.
 *
 * @throws {Error} only for an `options.level` that pino does not know.
 */
export function createJobLogger(job: LoggableJob, options: JobLoggerOptions = {}): Logger {
  const writer = new LogWriter();
  openLogSink(job, (sink) => writer.open(sink));
  const destination = {
    write: (json: string) => writer.write(parseLine(json, Date.now())),
    flush: (done: (error?: Error) => void) => {
      writer.flush().then((complete) => done(complete ? undefined : new Error("some log lines were not written")));
    },
  };
  const logger = pino(
    {
      base: null,
      level: options.level ?? "trace",
      timestamp: false,
      nestedKey: FIELDS_KEY,
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        // A throwing getter, a symbol for %d or a faulty serializer must not fail the job that logged it.
        logMethod(args, method, level) {
          try {
            method.apply(this, args);
          } catch (error) {
            const label = this.levels.labels[level] ?? String(level);
            writer.write(unserialisableLine(label, args, error, Date.now()));
          }
        },
      },
    },
    destination,
  );
  return guardChild(logger);
}

/**
 * Waits until Redis has answered for every line logged so far.
 *
 * @param timeoutMs how long to wait at most, in milliseconds. Default 1000.
 * @returns true when all lines are written, or their loss is marked in the stream; false when the time ran out or Redis
 * refused. Never rejects.
 */
export function flushJobLogger(logger: Logger, timeoutMs = 1000): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), timeoutMs);
    logger.flush((error) => {
      clearTimeout(timer);
      resolve(!error);
    });
  });
}

/** pino reads the bindings when a child is made, and lets what they throw through: such a child goes without them. */
function guardChild(logger: Logger): Logger {
  const child: unknown = logger.child;
  if (typeof child !== "function") return logger;
  return Object.defineProperty(logger, "child", {
    value(this: Logger, ...args: unknown[]): unknown {
      try {
        return Reflect.apply(child, this, args);
      } catch {
        return Reflect.apply(child, this, [{}]);
      }
    },
  });
}
