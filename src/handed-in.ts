import type { IncomingMessage } from "node:http";

// What applications hand in, and how it is told from other things.

/** Who a connection belongs to, as the application says. */
export interface Principal {
  /** Stable name of the user or service. */
  id: string;
}

/**
 * Says who is behind a request, or null to refuse it (close code 4401).
 * Called once per WebSocket upgrade and per GET of a part of a widget; one that throws refuses with 1011 (500) and is logged.
 */
export type Authenticate = (request: IncomingMessage) => Principal | null | Promise<Principal | null>;

/** The part of BullMQ's `QueueEvents` that bullcast uses; any bullmq 5 or 6 instance has it. */
export interface QueueEventsLike {
  readonly name: string;
  readonly opts?: object;
  on(event: string, listener: (...args: never[]) => void): unknown;
  off(event: string, listener: (...args: never[]) => void): unknown;
}

/** The part of an ioredis instance that bullcast uses of one handed in: it is duplicated and never closed. */
export interface RedisLike {
  duplicate(override?: object): unknown;
}

/** Where Redis is: a `redis://` or `rediss://` URL, a unix socket's absolute path, ioredis options, or an ioredis instance. */
export type ConnectionSetting = string | Record<string, unknown> | RedisLike;

/** Told by shape, not by class, so that an instance of another ioredis copy or major is recognised. */
export function isRedisLike(value: unknown): value is RedisLike {
  return typeof value === "object" && value !== null && typeof (value as RedisLike).duplicate === "function";
}

/** Told by shape, so that instances of bullmq 5 and 6 are both recognised. */
export function isQueueEventsLike(value: unknown): value is QueueEventsLike {
  if (typeof value !== "object" || value === null) return false;
  const { name, on, off } = value as QueueEventsLike;
  return typeof name === "string" && typeof on === "function" && typeof off === "function";
}

/** BullMQ itself refuses queue names with a colon. */
export const QUEUE_NAME_PATTERN = /^[^:]{1,256}$/;

/** Whether a value can say where Redis is. */
export function isConnection(value: unknown): boolean {
  if (typeof value !== "string") {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject && (value as { isCluster?: unknown }).isCluster !== true;
  }
  if (value.startsWith("/")) return true;
  // The path is the number of a database; anything else ioredis would send as it is.
  return /^rediss?:\/\//.test(value) && URL.canParse(value) && /^\/?\d*$/.test(new URL(value).pathname);
}
