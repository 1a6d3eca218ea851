import { END_MARK, TIMED_EVENTS_PER_JOB } from "../load/job-shape.mjs";
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

/** Viewers that count the ends of jobs by themselves. */
export const JOB_VIEWERS = ["--match-end", END_MARK];

/**
 * What is wrong with what viewers got of so many jobs, or null. Every end must be there once; progress may have been
 * replaced by newer progress where the server says so of exactly as much.
 */
export function jobsProblem(stats, { jobs, conflated }) {
  const { endsPerViewerMin, endsPerViewerMax } = stats;
  const problem = viewersProblem(stats);
  if (problem) return problem;
  if (endsPerViewerMin !== jobs || endsPerViewerMax !== jobs)
    return `viewers got ${endsPerViewerMin} to ${endsPerViewerMax} of ${jobs} ends`;
  const missing = missingProgress(stats, jobs);
  if (missing !== conflated) return `${missing} progress messages are missing, ${conflated} are said to be replaced`;
  return null;
}

/** Timed messages that did not come, over all viewers. */
export function missingProgress({ matching, connected, closed }, jobs) {
  return jobs * TIMED_EVENTS_PER_JOB * (connected + closed) - matching;
}

/** How many progress messages bullcast says it replaced by newer ones; bridges written by hand replace none. */
export async function readConflated(subject, port) {
  if (subject.server !== "bullcast.mjs") return 0;
  const response = await fetch(`http://127.0.0.1:${port}/ws/stats`);
  const { messages } = await response.json();
  return messages.conflated;
}
