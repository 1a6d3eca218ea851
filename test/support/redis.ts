import { Redis } from "ioredis";
import { inject, onTestFinished } from "vitest";

/** A client of one's own, which ends with the test. */
export function openRedis(redisUrl = inject("redisUrl")): Redis {
  const redis = new Redis(redisUrl);
  redis.on("error", () => undefined);
  onTestFinished(() => redis.disconnect());
  return redis;
}

/** Where BullMQ finds a server, in the form that both majors take. */
export function connectionTo(redisUrl: string): { host: string; port: number } {
  const { hostname, port } = new URL(redisUrl);
  return { host: hostname, port: Number(port) };
}

/** One entry of a stream. */
export interface StreamEntry {
  id: string;
  /** Milliseconds of the id. */
  ms: number;
  fields: Record<string, string>;
}

export async function readStream(redis: Redis, key: string): Promise<StreamEntry[]> {
  const entries = await redis.xrange(key, "-", "+");
  return entries.map(([id, flat]) => {
    const fields: Record<string, string> = {};
    for (let index = 0; index < flat.length; index += 2) fields[String(flat[index])] = String(flat[index + 1]);
    return { id, ms: Number(id.split("-")[0]), fields };
  });
}
