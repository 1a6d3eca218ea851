/** What a connection can subscribe to: `*`, `queue:<name>` or `job:<queue>:<id>`. */
export type Topic = string;

export const ALL_TOPIC: Topic = "*";

/** The topic that carries everything about one queue. */
export function queueTopic(queue: string): Topic {
  return `queue:${queue}`;
}

/** The topic that carries everything about one job. */
export function jobTopic(queue: string, id: string): Topic {
  return `job:${queue}:${id}`;
}

/** What a topic means. */
export type ParsedTopic =
  | { kind: "all" }
  | { kind: "queue"; queue: string }
  | { kind: "job"; queue: string; id: string };

/** Longest topic, in characters, its prefix included. */
export const MAX_TOPIC_LENGTH = 512;

/** A BullMQ queue name has no colon, a job id may have any. */
const QUEUE_TOPIC = /^queue:([^:]+)$/;
const JOB_TOPIC = /^job:([^:]+):(.+)$/s;

/** The accepted forms, for error texts. */
export const TOPIC_FORMS = `\`*\`, \`queue:<name>\` or \`job:<queue>:<id>\`, at most ${MAX_TOPIC_LENGTH} characters`;

/** Reads a topic; null when it has none of the accepted forms. Job topics split at their first two colons. */
export function parseTopic(topic: string): ParsedTopic | null {
  if (topic.length > MAX_TOPIC_LENGTH) return null;
  if (topic === ALL_TOPIC) return { kind: "all" };
  const job = JOB_TOPIC.exec(topic);
  if (job?.[1] && job[2]) return { kind: "job", queue: job[1], id: job[2] };
  const queue = QUEUE_TOPIC.exec(topic);
  return queue?.[1] ? { kind: "queue", queue: queue[1] } : null;
}
