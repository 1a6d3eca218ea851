import type { JobState } from "../protocol/snapshot.ts";

/** How deep a waiting list is searched: one of a million jobs would hold up everybody else's commands. */
export const MAX_SEARCHED = 10_000;

/** What Redis answers of the places where a job can be; null or undefined where it is not, or what is there is no such place. */
export interface JobPlaces {
  completed: unknown;
  failed: unknown;
  delayed: unknown;
  prioritized: unknown;
  active: unknown;
  /** Of the first `MAX_SEARCHED` of the list, as of `paused`, which takes its place while the queue is paused. */
  wait: unknown;
  paused: unknown;
  waitingChildren: unknown;
  /** Length of the longer of both waiting lists. */
  listLength: number;
  /** Whether the job's hash is there. */
  exists: boolean;
}

/** The state by BullMQ's own order (`getState`): while a job is in two places, the first counts. */
export function jobStateOf(places: JobPlaces): JobState {
  const isIn = (place: unknown) => place !== null && place !== undefined;
  if (isIn(places.completed)) return "completed";
  if (isIn(places.failed)) return "failed";
  if (isIn(places.delayed)) return "delayed";
  if (isIn(places.prioritized)) return "prioritized";
  if (isIn(places.active)) return "active";
  if (isIn(places.wait) || isIn(places.paused)) return "waiting";
  if (isIn(places.waitingChildren)) return "waiting-children";
  // What exists and is nowhere else must be deeper in a list than was searched.
  return places.exists && places.listLength > MAX_SEARCHED ? "waiting" : "unknown";
}
