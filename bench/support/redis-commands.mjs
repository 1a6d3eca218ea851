import { Redis } from "ioredis";

/** How many commands a Redis has processed, by whomever. */
export async function redisCommandCount(url) {
  const redis = new Redis(url);
  try {
    return Number(/total_commands_processed:(\d+)/.exec(await redis.info("stats"))[1]);
  } finally {
    redis.disconnect();
  }
}
