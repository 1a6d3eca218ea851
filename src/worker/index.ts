export type { Logger } from "pino";
export type { JobLoggerOptions } from "./job-logger.ts";
export { createJobLogger, flushJobLogger } from "./job-logger.ts";
export type { LoggableJob, ProcessedJob } from "./loggable-job.ts";
export type { LoggingProcessor } from "./with-job-logger.ts";
export { withJobLogger } from "./with-job-logger.ts";
