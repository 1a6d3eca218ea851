import type { Logger } from "../logger.ts";
import type { Topic } from "../protocol/topic.ts";
import type { ConnectionDetails } from "./connection.ts";

export interface ConnectionManagerOptions {
  logger: Logger;
  /** Most messages in one outbox. */
  maxQueueSize: number;
  /** Most bytes in one outbox. */
  maxQueueBytes: number;
  /** Most bytes in the outboxes of all that have fallen behind. */
  maxTotalQueueBytes: number;
  enableHeartbeat: boolean;
  /** Longest pause between two passes of writing under load, ms. */
  maxFlushDelayMs: number;
  /** Seconds between two pings of one connection. */
  heartbeatInterval: number;
  /** Seconds of silence after which a connection is cut (4408). */
  heartbeatTimeout: number;
}

/** How a connection starts. */
export interface OpenOptions extends ConnectionDetails {
  topics: readonly Topic[];
  /** Cursors handed back by the client; null when it asks for none of the past. */
  since: readonly string[] | null;
}
