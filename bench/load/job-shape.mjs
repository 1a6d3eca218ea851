// What the writer writes of a job, step by step, and viewers are to get of it.
const repeat = (count, ...steps) => Array(count).fill(steps).flat();

export const PLAIN_JOB = ["added", "active", ...repeat(9, "progress"), "completed"];
/** Progress and log lines by turns. */
export const BUSY_JOB = ["added", "active", ...repeat(8, "progress", "line"), "progress", "completed"];
export const JOB_WITH_LINES = ["added", "active", ...repeat(5, "progress", "line", "line"), "completed"];

/** How many of a job's steps carry the time of their writing: all but the first two. */
export function timedSteps(job) {
  return job.length - 2;
}

/** In the last event of a job only; a viewer that gets it knows how the job ended. */
export const END_MARK = '"final":true';

/** In every log line, and nowhere else. */
export const LINE_MARK = "a log line";

/** Where log lines are published for bridges that cannot read them from bullcast's stream; the queue's name follows. */
export const LINES_CHANNEL = "job-lines:";
