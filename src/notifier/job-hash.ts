import type { JobHash } from "../sources/stream-queries.ts";

/** Every job has a name; `atm` is written with its first attempt. */
export function isGone(hash: JobHash): boolean {
  return hash.name === null;
}

/** Most attempts a job may have, by its options; null when they cannot be read. */
export function attemptsOf(opts: string): number | null {
  try {
    const { attempts } = JSON.parse(opts) as { attempts?: unknown };
    // BullMQ writes 0 or nothing for a job that is tried once.
    return typeof attempts === "number" ? Math.max(1, attempts) : 1;
  } catch {
    return null;
  }
}

/** Why attempt n failed: the hash's own reason while it is of that attempt, else what the kept stack trace begins with. */
export function reasonOf(attempt: number, hash: JobHash): string | null {
  if (hash.failedReason !== null && Number(hash.atm) === attempt) return hash.failedReason;
  try {
    // With a limit only the newest are kept, and nothing says of which attempts they are.
    if ("stackTraceLimit" in (JSON.parse(hash.opts ?? "{}") as object)) return null;
    const stack: unknown = (JSON.parse(hash.stacktrace ?? "[]") as unknown[])[attempt - 1];
    return typeof stack === "string" ? messageOf(stack) : null;
  } catch {
    return null;
  }
}

/** The message of a stack trace without the error's name and frames, as `failedReason` has it. */
function messageOf(stack: string): string {
  const lines = stack.split("\n");
  const frames = lines.findIndex((line) => /^\s+at /.test(line));
  return lines
    .slice(0, frames === -1 ? undefined : frames)
    .join("\n")
    .replace(/^(?:[A-Z]\w*)?Error(?: \[\w+\])?: /, "");
}
