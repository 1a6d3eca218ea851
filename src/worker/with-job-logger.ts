import type { Logger } from "pino";
import { createJobLogger, flushJobLogger } from "./job-logger.ts";
import type { LoggableJob, ProcessedJob } from "./loggable-job.ts";

/** A BullMQ processor that is given a logger for its job. */
export type LoggingProcessor<J extends LoggableJob = ProcessedJob, R = unknown> = (
  job: J,
  logger: Logger,
  token?: string,
  signal?: AbortSignal,
) => Promise<R>;

/**
 * Makes a stock BullMQ processor of one that takes a logger (see `createJobLogger`). All lines are in Redis before the
 * job completes or fails; a Redis that does not answer holds the end up for 1 second at most.
 *
 * ```ts
 * new Worker("images", withJobLogger(async (job: Job<Image>, logger) => logger.info("resizing")), { connection });
 * ```
 *
 * Without the annotation a job is what all jobs have in common, {@link ProcessedJob}, and its `data` is `any`.
 *
 * @returns a processor for BullMQ's `Worker`; it returns and throws exactly what the given one does.
 */
export function withJobLogger<J extends LoggableJob = ProcessedJob, R = unknown>(
  processor: LoggingProcessor<J, R>,
): (job: J, token?: string, signal?: AbortSignal) => Promise<R> {
  const run = async (job: J, token?: string, signal?: AbortSignal): Promise<R> => {
    const logger = createJobLogger(job);
    try {
      return await processor(job, logger, token, signal);
    } finally {
      await flushJobLogger(logger);
    }
  };
  // BullMQ counts a processor's parameters, and keeps an AbortController per job only for those that take a signal.
  return processor.length > 3 ? run : (job, token) => run(job, token);
}
