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

/**
 * The job of a processor that does not say which job it takes: what jobs of BullMQ 5 and 6 and those of sandboxed
 * processors have in common. For all of a job, annotate it: `(job: Job<Data>, logger) => ...`.
 */
export interface ProcessedJob extends LoggableJob {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a job's data is the application's; BullMQ's own `Job` has the same default
  data: any;
  readonly opts: { readonly attempts?: number | undefined; readonly delay?: number | undefined };
  readonly progress: unknown;
  readonly queueName: string;
  /** Attempts that have ended. */
  readonly attemptsMade: number;
  /** When the job was added, epoch milliseconds. */
  readonly timestamp: number;
  updateProgress(progress: string | boolean | number | object): Promise<unknown>;
  updateData(data: unknown): Promise<unknown>;
  moveToDelayed(timestamp: number, token?: string): Promise<unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: what the children returned; typed as BullMQ's own `Job` types it
  getChildrenValues<Value = any>(): Promise<Record<string, Value>>;
}
