/** Why parts of the reading do not work; null and empty where they do, undefined for parts that are not used. */
export interface SourceProblems {
  /** Without the event streams nothing is told. */
  eventStreams: string | null;
  /** Without the commands connection names and attempts of jobs are missing. */
  jobs: string | null;
  logChannels: string | null | undefined;
  /** Without it the logs of jobs that are at work are not followed. */
  jobLogs: string | null;
  discovery: string | null | undefined;
  /** Queues that cannot be read although Redis answers. */
  unreadable: { queue: string; reason: string }[];
  /** Queues whose `QueueEvents` instance is no longer relied on. */
  takenOver: { queue: string; reason: string }[];
}
