/** A job by its queue and id. */
export interface JobKey {
  queue: string;
  jobId: string;
}

/** Key of a job in maps; queue names have no colon. */
export function keyOf({ queue, jobId }: JobKey): string {
  return `${queue}:${jobId}`;
}

/** The job of such a key. */
export function jobKeyOf(key: string): JobKey {
  const colon = key.indexOf(":");
  return { queue: key.slice(0, colon), jobId: key.slice(colon + 1) };
}
