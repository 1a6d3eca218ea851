import { Redis } from "ioredis";

/** Lets `measure` ask a Redis about itself, over a connection of its own. */
export async function askRedis(url, measure) {
  const redis = new Redis(url);
  try {
    return await measure(redis);
  } finally {
    redis.disconnect();
  }
}

/** How many commands it has processed, by whomever; this one is not yet among them. */
export async function commandCount(redis) {
  return Number(/total_commands_processed:(\d+)/.exec(await redis.info("stats"))[1]);
}

/** User and system time of its process so far. */
export async function redisCpuMicroseconds(redis) {
  const info = await redis.info("cpu");
  const seconds = ["user", "sys"].map((kind) => Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(info)[1]));
  return Math.round((seconds[0] + seconds[1]) * 1e6);
}

/** The connections that go by a name, and how many of them wait in a blocking command. */
export async function connectionsNamed(redis, name) {
  const lines = (await redis.client("LIST")).split("\n").filter((line) => line.includes(` name=${name} `));
  return { connections: lines.length, blocking: lines.filter((line) => / flags=\w*b/.test(line)).length };
}
