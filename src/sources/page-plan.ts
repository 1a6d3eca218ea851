import type { ListedState } from "../protocol/queue-summary.ts";
import { LISTED_STATES } from "../protocol/queue-summary.ts";

/** A job's place in the whole list: by state, then by rank within its queue's jobs of that state, then by queue. */
export interface Slot {
  state: ListedState;
  /** From 0, the first of its queue. */
  rank: number;
  queue: string;
}

/** How many jobs a queue has in one state. */
export interface Places {
  state: ListedState;
  queue: string;
  length: number;
}

/** The states that may come after a slot, in the order of the list. */
export function statesFrom(states: readonly ListedState[], after: Slot | null): ListedState[] {
  const start = after ? LISTED_STATES.indexOf(after.state) : 0;
  return LISTED_STATES.filter((state, index) => index >= start && states.includes(state));
}

/**
 * The next slots of the list, at most `limit`. Queues take turns, so that one with a million jobs does not hide the
 * others. `places` stand in the order of the list, those of one state by queue.
 */
export function planPage(
  places: readonly Places[],
  limit: number,
  after: Slot | null,
): { slots: Slot[]; isEnd: boolean } {
  const slots: Slot[] = [];
  for (const state of statesFrom(
    places.map((place) => place.state),
    after,
  )) {
    const ofState = places.filter((place) => place.state === state);
    const isFirst = after?.state === state;
    let rank = isFirst ? after.rank : 0;
    let open = ofState.filter(({ length }) => length > rank);
    while (open.length > 0) {
      for (const { queue } of open) {
        // Of the rank at which the page before ended, only the rest is left.
        if (isFirst && rank === after.rank && queue <= after.queue) continue;
        if (slots.length === limit) return { slots, isEnd: false };
        slots.push({ state, rank, queue });
      }
      rank += 1;
      open = open.filter(({ length }) => length > rank);
    }
  }
  return { slots, isEnd: true };
}
