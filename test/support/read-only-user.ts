import { Redis } from "ioredis";
import { READ_ONLY_RULES } from "./read-only-rules.mjs";

/**
 * Makes a user of a server who may read all keys and do nothing else, and answers the URL for it. `denied` takes
 * commands away from it, as in `-client|tracking`.
 */
export async function addReadOnlyUser(redisUrl: string, denied: readonly string[] = []): Promise<string> {
  const admin = new Redis(redisUrl);
  try {
    await admin.call("ACL", "SETUSER", "guest", ...READ_ONLY_RULES, ...denied);
  } finally {
    admin.disconnect();
  }
  return redisUrl.replace("redis://", "redis://guest:secret@");
}
