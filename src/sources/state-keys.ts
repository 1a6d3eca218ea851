import type { ListedState } from "../protocol/queue-summary.ts";

/** Where BullMQ keeps the jobs of a state: what its key ends in, and whether it is a list or else a sorted set. */
interface StateKey {
  suffix: string;
  isList: boolean;
  /** Whether the last of the key is the first to show: the newest, but the one that comes next where jobs wait in a set. */
  isReversed: boolean;
}

export const STATE_KEYS: Readonly<Record<ListedState, StateKey>> = {
  active: { suffix: "active", isList: true, isReversed: false },
  waiting: { suffix: "wait", isList: true, isReversed: false },
  prioritized: { suffix: "prioritized", isList: false, isReversed: false },
  delayed: { suffix: "delayed", isList: false, isReversed: false },
  "waiting-children": { suffix: "waiting-children", isList: false, isReversed: true },
  paused: { suffix: "paused", isList: true, isReversed: false },
  failed: { suffix: "failed", isList: false, isReversed: true },
  completed: { suffix: "completed", isList: false, isReversed: true },
};

/** Whether an entry of a waiting list stands for no job: early versions of BullMQ 5 end the list with one. */
export function isMarker(entry: string): boolean {
  return entry.startsWith("0:");
}
