import type {} from "vitest";
import type { TestProject } from "vitest/node";
import { startPrivateRedis } from "../../scripts/private-redis.mjs";

declare module "vitest" {
  interface ProvidedContext {
    /** URL of the Redis server that all test files share; each test uses a prefix of its own. */
    redisUrl: string;
  }
}

/** Starts the one Redis server the suite shares; what tests must break or restart they start themselves. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const redis = await startPrivateRedis();
  project.provide("redisUrl", redis.url);
  return () => redis.stop();
}
