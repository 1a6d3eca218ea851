import type { JobMessageType, MessageMeta, QueueMessageType } from "../protocol/message.ts";
import type { SnapshotContent } from "../protocol/snapshot.ts";

/** A message as it came from the server. */
export interface ServerMessage<Type extends string = string, Content = unknown> {
  type: Type;
  content: Content;
  meta: MessageMeta;
  /** When the fact happened, ISO 8601. */
  timestamp: string;
}

/** Contents of the protocol's own messages. */
interface Contents extends Record<JobMessageType | QueueMessageType, unknown> {
  connected: {
    client_id: string;
    protocol: number;
    topics: string[];
    heartbeat_interval: number | null;
    heartbeat_timeout: number | null;
  };
  subscribed: { topics: string[]; recovered: boolean; cursors: Record<string, string> };
  unsubscribed: { topics: string[] };
  /** `queue` is null when it cannot be told which; `missed` is null when it is not known how many. */
  gap: { queue: string | null; missed: number | null; truncated?: boolean };
  snapshot: SnapshotContent;
  /** Null where lines are missing. */
  logs: string | null;
  error: { code: string; message: string };
  ping: unknown;
  pong: unknown;
}

/** Types of the protocol's messages to a client. */
export type KnownMessageType = keyof Contents;

/** The message of one type; those of types that are not the protocol's have any content. */
export type MessageOf<Type extends string> = ServerMessage<
  Type,
  Type extends KnownMessageType ? Contents[Type] : unknown
>;

/** Narrows a message to one of the protocol's types. */
export function isType<Type extends KnownMessageType>(message: ServerMessage, type: Type): message is MessageOf<Type> {
  return message.type === type;
}

/** Reads a frame; null when it is no message. What a message of a known type holds is the server's to warrant. */
export function readServerMessage(data: unknown): ServerMessage | null {
  if (typeof data !== "string") return null;
  try {
    const { type, content = null, meta, timestamp } = JSON.parse(data) as Partial<ServerMessage>;
    if (typeof type !== "string" || typeof meta !== "object" || meta === null) return null;
    return { type, content, meta, timestamp: String(timestamp) };
  } catch {
    return null;
  }
}

/** Which job a message is about; null when about none. */
export function jobOf({ meta: { queue, task_id: id } }: ServerMessage): { queue: string; id: string } | null {
  return typeof queue === "string" && typeof id === "string" ? { queue, id } : null;
}
