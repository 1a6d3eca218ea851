/**
 * What a job must offer to be given a logger: jobs of BullMQ 5 and 6 do, and so do the jobs handed to sandboxed
 * processors. Described by its shape, so that neither version of BullMQ is imported here.
 */
export interface LoggableJob {
  /** The job's id within its queue. */
  readonly id?: string | undefined;
  /** BullMQ's own log, used where the job has no Redis client of its own. */
  log(row: string): unknown;
}
