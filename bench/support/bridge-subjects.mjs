import { END_MARK, LINE_MARK, timedSteps } from "../load/job-shape.mjs";
import { viewersProblem } from "./load-client.mjs";
import * as subjects from "./subjects.mjs";

/** bullcast and what one writes by hand in its place. */
export const BRIDGES = [
  { title: "bullcast", server: "bullcast.mjs", viewers: subjects.BULLCAST_VIEWERS },
  {
    title: "QueueEvents -> socket.io",
    server: "queue-events-socket-io.mjs",
    viewers: subjects.SOCKET_IO_VIEWERS,
    needs: "socketIo",
  },
  { title: "QueueEvents -> ws", server: "queue-events-ws.mjs", viewers: subjects.PLAIN_VIEWERS },
];

/** Viewers that count the ends of jobs, and log lines, by themselves. */
export const JOB_VIEWERS = ["--match-end", END_MARK, "--match-line", LINE_MARK];

/**
 * What is wrong with what viewers got of so many jobs, or null. Every end and every line must be there once; progress may
 * have been replaced by newer progress where the server says so of exactly as much, unless everything is to be there.
 */
export function jobsProblem(stats, { job, jobs, conflated, isExact = false }) {
  const lines = jobs * job.filter((step) => step === "line").length;
  const missing = missingProgress(stats, { job, jobs });
  return (
    viewersProblem(stats) ??
    countProblem("ends", jobs, stats.endsPerViewerMin, stats.endsPerViewerMax) ??
    countProblem("lines", lines, stats.linesPerViewerMin, stats.linesPerViewerMax) ??
    (isExact ? countProblem("messages", jobs * timedSteps(job), stats.perViewerMin, stats.perViewerMax) : null) ??
    (missing === conflated ? null : `${missing} progress messages are missing, ${conflated} are said to be replaced`)
  );
}

function countProblem(kind, expected, least, most) {
  return least === expected && most === expected ? null : `viewers got ${least} to ${most} of ${expected} ${kind}`;
}

/** Progress that did not come, over all viewers, where ends and lines did. */
export function missingProgress({ matching, connected, closed }, { job, jobs }) {
  return jobs * timedSteps(job) * (connected + closed) - matching;
}

/** How many progress messages bullcast says it replaced by newer ones; bridges written by hand replace none. */
export async function readConflated(subject, port) {
  if (subject.server !== "bullcast.mjs") return 0;
  const response = await fetch(`http://127.0.0.1:${port}/ws/stats`);
  const { messages } = await response.json();
  return messages.conflated;
}
