/** What a connection can subscribe to: `*`, `queue:<name>`, `job:<queue>:<id>`, `widget:<id>`, `stats` or `clients`. */
export type Topic = string;

export const ALL_TOPIC: Topic = "*";

/** The topic that carries the figures of the bridge, once a second; for administrators. */
export const STATS_TOPIC: Topic = "stats";

/** The topic that carries who connects, changes and leaves; for administrators. */
export const CLIENTS_TOPIC: Topic = "clients";

/** The topic that carries everything about one queue. */
export function queueTopic(queue: string): Topic {
  return `queue:${queue}`;
}

/** The topic that carries everything about one job. */
export function jobTopic(queue: string, id: string): Topic {
  return `job:${queue}:${id}`;
}

/** The topic that carries the parts of one rendering of a widget. */
export function widgetTopic(id: string): Topic {
  return `widget:${id}`;
}

/** What a topic means. */
export type ParsedTopic =
  | { kind: "all" }
  | { kind: "queue"; queue: string }
  | { kind: "job"; queue: string; id: string }
  | { kind: "widget"; id: string }
  | { kind: "stats" }
  | { kind: "clients" };

/** Longest topic, in characters, its prefix included. */
export const MAX_TOPIC_LENGTH = 512;

/** A BullMQ queue name has no colon, a job id may have any. */
const QUEUE_TOPIC = /^queue:([^:]+)$/;
const JOB_TOPIC = /^job:([^:]+):(.+)$/s;
/** 128 bits in base64url. */
const WIDGET_TOPIC = /^widget:([A-Za-z0-9_-]{22})$/;

/** The accepted forms, for error texts. */
export const TOPIC_FORMS = `\`*\`, \`queue:<name>\`, \`job:<queue>:<id>\`, \`widget:<id>\`, \`stats\` or \`clients\`, at most ${MAX_TOPIC_LENGTH} characters`;

/** Reads a topic; null when it has none of the accepted forms. Job topics split at their first two colons. */
export function parseTopic(topic: string): ParsedTopic | null {
  if (topic.length > MAX_TOPIC_LENGTH) return null;
  if (topic === ALL_TOPIC) return { kind: "all" };
  if (topic === STATS_TOPIC) return { kind: "stats" };
  if (topic === CLIENTS_TOPIC) return { kind: "clients" };
  const job = JOB_TOPIC.exec(topic);
  if (job?.[1] && job[2]) return { kind: "job", queue: job[1], id: job[2] };
  const queue = QUEUE_TOPIC.exec(topic);
  if (queue?.[1]) return { kind: "queue", queue: queue[1] };
  const widget = WIDGET_TOPIC.exec(topic);
  return widget?.[1] ? { kind: "widget", id: widget[1] } : null;
}

/** Whether only administrators may subscribe to a topic. */
export function isAdminTopic(topic: Topic): boolean {
  return topic === STATS_TOPIC || topic === CLIENTS_TOPIC;
}

/** A topic as it may be shown to others: who knows the id of a widget may read it. */
export function maskTopic(topic: Topic): string {
  return topic.startsWith("widget:") ? "widget:****" : topic;
}

/** A text as it may be shown to others, whatever topics it quotes. */
export function maskTopicsIn(text: string): string {
  return text.replace(/widget:[\w-]+/g, "widget:****");
}
