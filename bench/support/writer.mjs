import { fileURLToPath } from "node:url";
import { Child } from "./child.mjs";

/** Runs one of load/'s writers beside `measure`, and ends it after. */
export async function withWriter(file, redisUrl, measure) {
  const script = fileURLToPath(new URL(`../load/${file}`, import.meta.url));
  const writer = new Child(file, process.execPath, [script, "--redis", redisUrl]);
  try {
    await writer.next("ready");
    return await measure(writer);
  } finally {
    await writer.stop();
  }
}
