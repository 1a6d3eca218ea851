/** Version of the wire protocol described in `docs/PROTOCOL.md`. */
export const PROTOCOL_VERSION = 1;

/** Types of the messages that say what happened to a job. */
export const JOB_MESSAGE_TYPES = [
  "task_added",
  "task_waiting",
  "task_waiting_children",
  "task_delayed",
  "task_active",
  "task_progress",
  "task_retrying",
  "task_stalled",
  "task_success",
  "task_failed",
  "task_removed",
] as const;

/** Types of the messages that say what happened to a whole queue. */
export const QUEUE_MESSAGE_TYPES = ["queue_paused", "queue_resumed", "queue_drained", "queue_cleaned"] as const;

/** Types the protocol itself uses between one connection and the server, in either direction. */
const CONTROL_MESSAGE_TYPES = [
  "connected",
  "ping",
  "pong",
  "error",
  "logs",
  "snapshot",
  "subscribe",
  "subscribed",
  "unsubscribe",
  "unsubscribed",
  "gap",
  "widget",
  "stats",
  "client_connected",
  "client_updated",
  "client_disconnected",
  "authenticate",
  "token_expiring",
] as const;

export type JobMessageType = (typeof JOB_MESSAGE_TYPES)[number];
export type QueueMessageType = (typeof QUEUE_MESSAGE_TYPES)[number];

const PROTOCOL_TYPES: ReadonlySet<string> = new Set([
  ...JOB_MESSAGE_TYPES,
  ...QUEUE_MESSAGE_TYPES,
  ...CONTROL_MESSAGE_TYPES,
]);

/** What a custom message type looks like; the protocol's own types are excluded separately. */
export const CUSTOM_TYPE_PATTERN = /^[A-Za-z][A-Za-z0-9_.:-]{0,63}$/;

/** The same in words, for error texts. */
export const CUSTOM_TYPE_FORM = "a letter, then up to 63 letters, digits or _ . : -";

/** Whether a message type belongs to the protocol and so cannot be sent or handled by an application. */
export function isProtocolType(type: string): boolean {
  return PROTOCOL_TYPES.has(type);
}

export type MessageMeta = Record<string, unknown>;

/** The fields every server message has on the wire. */
export interface MessageFields {
  /** What the message is about, for example `task_success`. */
  type: string;
  /** The message's value: any JSON. Default null. */
  content?: unknown;
  /** Facts about the message: any JSON object. Default `{}`. */
  meta?: MessageMeta;
  /** When the fact happened, ISO 8601. Default: now. */
  timestamp?: string;
}

/** The envelope sent to a browser: `{type, content, meta, timestamp}`. */
export class WebSocketMessage {
  readonly type: string;
  readonly content: unknown;
  readonly meta: MessageMeta;
  readonly timestamp: string;

  constructor(fields: MessageFields) {
    this.type = fields.type;
    this.content = fields.content ?? null;
    this.meta = fields.meta ?? {};
    this.timestamp = fields.timestamp ?? new Date().toISOString();
  }
}
