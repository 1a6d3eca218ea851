// What the writer writes of every job, and viewers are to get of it.
export const EVENTS_PER_JOB = 12;
/** Those with a time in them. */
export const TIMED_EVENTS_PER_JOB = 10;
/** In the last event of a job only; a viewer that gets it knows how the job ended. */
export const END_MARK = '"final":true';

/** What is written each second where many jobs are at work at a time, in all and of each job. */
export const BUSY_MESSAGES_PER_SECOND = 1000;
export const BUSY_MESSAGES_PER_JOB = 20;
/** Those with a time in them: all but the first two. */
export const BUSY_TIMED_PER_JOB = BUSY_MESSAGES_PER_JOB - 2;
