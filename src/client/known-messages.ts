import type { ClientGone, ClientReport, StatsContent } from "../protocol/admin.ts";
import type { JobMessageType, MessageMeta } from "../protocol/message.ts";
import type { SnapshotContent } from "../protocol/snapshot.ts";

// What the protocol's messages hold, as `docs/PROTOCOL.md` says. Fields that it does not name are `unknown`.

/** `meta` of the messages about one job. */
export interface JobMeta extends MessageMeta {
  queue: string;
  task_id: string;
  /** Null when it cannot be known. */
  name: string | null;
  /** The attempt under way, else the last one made; 0 before the first; null when it cannot be known. */
  attempt: number | null;
  /** Absent on messages that are in no stream. */
  cursor?: string;
  /** Size of a content too large to be sent; null when it cannot be written as JSON. */
  omitted_bytes?: number | null;
}

/** `meta` of `task_retrying`; `attempt` is the one that failed. */
export interface RetryMeta extends JobMeta {
  /** How many attempts there may be. */
  attempts: number | null;
  /** When the next is due, ISO 8601. */
  retry_at: string;
}

/** `meta` of the messages about a whole queue. */
export interface QueueMeta extends MessageMeta {
  queue: string;
  cursor: string;
}

/** `meta` of `logs`. A line of a pub/sub channel may say of no job. */
export interface LogMeta extends MessageMeta {
  queue?: string;
  task_id?: string;
  name?: string | null;
  attempt?: number | null;
  cursor?: string;
  level: string | null;
  /** By the worker's clock, ISO 8601. */
  logged_at: string | null;
  /** The other fields of the log call. */
  data?: unknown;
  /** Present where lines are missing: how many, or null. */
  dropped?: number | null;
  /** Number of a line of BullMQ's own `job.log()`, from 0. */
  line?: number;
  /** True on a line that comes after the job's end. */
  late?: boolean;
  /** The Redis pub/sub channel it was published on. */
  channel?: string;
  omitted_bytes?: number | null;
}

/** `meta` of `snapshot`. */
export interface SnapshotMeta extends MessageMeta {
  queue: string;
  task_id: string;
  name: string | null;
}

/** `meta` of `gap`. */
export interface GapMeta extends MessageMeta {
  /** As in the content. */
  queue: string | null;
}

/** `meta` of the answers to a client's own messages. */
export interface AnswerMeta extends MessageMeta {
  request_id?: string | number;
}

/** `meta` of `ping`. */
export interface PingMeta extends MessageMeta {
  ping_id: string;
  /** Where the queues stand that the client watches. */
  cursors: Record<string, string>;
}

/** `meta` of `widget`. */
export interface WidgetMeta extends MessageMeta {
  /** Names the rendering. */
  widget_id: string;
}

/** How a part of a widget came out; or, without a part, that what has not been told yet is not kept any more. */
export type WidgetContent =
  | { part: number; state: "ready" | "error"; html: string }
  | { part: null; state: "expired"; html: null };

interface Known<Content, Meta extends MessageMeta = MessageMeta> {
  content: Content;
  meta: Meta;
}

/** The protocol's messages to a client: by their types, what they hold. */
export interface KnownMessages extends Record<JobMessageType, Known<unknown, JobMeta>> {
  task_added: Known<null, JobMeta>;
  task_waiting: Known<null, JobMeta>;
  task_waiting_children: Known<null, JobMeta>;
  /** When it is due, ISO 8601. */
  task_delayed: Known<string, JobMeta>;
  task_active: Known<null, JobMeta>;
  /** The reason. */
  task_retrying: Known<string | null, RetryMeta>;
  task_stalled: Known<null, JobMeta>;
  /** The reason. */
  task_failed: Known<string | null, JobMeta>;
  task_removed: Known<null, JobMeta>;
  queue_paused: Known<null, QueueMeta>;
  queue_resumed: Known<null, QueueMeta>;
  queue_drained: Known<null, QueueMeta>;
  /** The number of jobs. */
  queue_cleaned: Known<number | null, QueueMeta>;
  /** Null where lines are missing. */
  logs: Known<string | null, LogMeta>;
  snapshot: Known<SnapshotContent, SnapshotMeta>;
  /** `queue` is null when it cannot be told which; `missed` is null when it is not known how many. */
  gap: Known<{ queue: string | null; missed: number | null; truncated: boolean }, GapMeta>;
  /** Without a content where that did not fit into a message. */
  widget: Known<WidgetContent | null, WidgetMeta>;
  /** Without a content where that did not fit into a message. */
  stats: Known<StatsContent | null>;
  client_connected: Known<ClientReport | null>;
  client_updated: Known<ClientReport | null>;
  client_disconnected: Known<ClientGone>;
  connected: Known<{
    client_id: string;
    protocol: number;
    topics: string[];
    heartbeat_interval: number | null;
    heartbeat_timeout: number | null;
  }>;
  subscribed: Known<{ topics: string[]; recovered: boolean; cursors: Record<string, string> }, AnswerMeta>;
  unsubscribed: Known<{ topics: string[] }, AnswerMeta>;
  error: Known<{ code: string; message: string }, AnswerMeta>;
  ping: Known<unknown, PingMeta>;
  pong: Known<unknown, AnswerMeta>;
}

/** Types of the protocol's messages to a client. */
export type KnownMessageType = keyof KnownMessages;
