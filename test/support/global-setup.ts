import type {} from "vitest";
import type { TestProject } from "vitest/node";
import { startPrivateRedis } from "../../scripts/private-redis.mjs";
import { addReadOnlyUser } from "./read-only-user.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** URL of the Redis server that all test files share; each test uses a prefix of its own. */
    redisUrl: string;
    /** The same server as a bridge should be let at it: reading only. */
    readOnlyUrl: string;
  }
}

/** Starts the one Redis server the suite shares; what tests must break or restart they start themselves. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const redis = await startPrivateRedis();
  project.provide("redisUrl", redis.url);
  project.provide("readOnlyUrl", await addReadOnlyUser(redis.url));
  return () => redis.stop();
}
