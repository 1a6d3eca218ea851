import type { MessageMeta } from "../protocol/message.ts";
import type { KnownMessages, KnownMessageType } from "./known-messages.ts";

/** A message as it came from the server. */
export interface ServerMessage<
  Type extends string = string,
  Content = unknown,
  Meta extends MessageMeta = MessageMeta,
> {
  type: Type;
  content: Content;
  meta: Meta;
  /** When the fact happened, ISO 8601. */
  timestamp: string;
}

/** The message of one type; those of types that are not the protocol's have any content. */
export type MessageOf<Type extends string> = Type extends KnownMessageType
  ? ServerMessage<Type, KnownMessages[Type]["content"], KnownMessages[Type]["meta"]>
  : ServerMessage<Type>;

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
