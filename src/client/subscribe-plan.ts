import type { Topic } from "../protocol/topic.ts";
import { isAdminTopic, parseTopic } from "../protocol/topic.ts";

/** Most topics the server takes on one connection. */
export const MAX_TOPICS = 1000;
/** Largest message the server takes, bytes; larger ones it answers by closing. */
export const MAX_MESSAGE_BYTES = 64 * 1024;

/** What of a request is left for topics and cursors, bytes. */
const MAX_CONTENT_BYTES = MAX_MESSAGE_BYTES - 1024;

/** The requests that subscribe a new connection. */
export interface SubscribePlan {
  /** The first request resumes: these topics from these cursors. Null when there is nothing to resume. */
  resume: { topics: Topic[]; since: Map<string, string> } | null;
  /** The requests after it, without cursors: each job in them comes with a snapshot. */
  fresh: Topic[][];
  /** Queues whose cursors did not fit into the first request. */
  unresumed: string[];
}

/**
 * Plans what to ask for on a new connection. Cursors are taken only by the first request, and only topics that had
 * been told of everything up to them may stand beside them: another topic would silently begin in the middle.
 */
export function planSubscribe(
  established: readonly Topic[],
  since: ReadonlyMap<string, string>,
  fresh: readonly Topic[],
): SubscribePlan {
  if (since.size === 0) return { resume: null, fresh: splitTopics([...established, ...fresh]), unresumed: [] };
  const budget = new Budget(MAX_CONTENT_BYTES);
  const isJob = (topic: Topic) => parseTopic(topic)?.kind === "job";
  // In this order: a job can be begun anew with a snapshot, a queue cannot, and is worth nothing without its cursor.
  const topics = established.filter((topic) => !isJob(topic) && budget.take(topic));
  const resumed = [...since].filter(([queue, cursor]) => budget.take(queue, cursor));
  for (const topic of established) if (isJob(topic) && budget.take(topic)) topics.push(topic);
  const first = new Set(topics);
  const resumedQueues = new Map(resumed);
  return {
    resume: { topics, since: resumedQueues },
    fresh: splitTopics([...established.filter((topic) => !first.has(topic)), ...fresh]),
    unresumed: [...since.keys()].filter((queue) => !resumedQueues.has(queue)),
  };
}

/**
 * Splits topics into requests the server takes. Those of administrators come first and by themselves: they may be
 * refused, which must not be the others' loss, and need not wait for what the others catch up with.
 */
export function splitTopics(topics: readonly Topic[]): Topic[][] {
  const admin = topics.filter(isAdminTopic);
  const requests = splitBySize(topics.filter((topic) => !isAdminTopic(topic)));
  return admin.length === 0 ? requests : [admin, ...requests];
}

function splitBySize(topics: readonly Topic[]): Topic[][] {
  const requests: Topic[][] = [];
  let budget = new Budget(0);
  for (const topic of topics) {
    if (!budget.take(topic)) {
      budget = new Budget(MAX_CONTENT_BYTES);
      budget.take(topic);
      requests.push([]);
    }
    requests.at(-1)?.push(topic);
  }
  return requests;
}

/** The size of a text on the wire, bytes. */
export function wireBytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** What may still go into a request. */
class Budget {
  #leftBytes: number;

  constructor(bytes: number) {
    this.#leftBytes = bytes;
  }

  /** Whether these texts still go in, and if so, puts them in. */
  take(...texts: string[]): boolean {
    // Each with its separator.
    const bytes = texts.reduce((sum, text) => sum + wireBytes(JSON.stringify(text)) + 1, 0);
    if (bytes > this.#leftBytes) return false;
    this.#leftBytes -= bytes;
    return true;
  }
}
