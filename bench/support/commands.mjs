// What a process of the bench does that is told what to do: lines of JSON on stdin, `{command, ...}`, and lines of JSON
// on stdout, `{event, ...}`, whose `event` is the command's name. Runs in Node and in Bun.
import { createInterface } from "node:readline";

/** Answers commands until stdin ends. Every process knows `cpu`, `rss` and `quit`; `handlers` brings the others. */
export function answerCommands(handlers = {}) {
  const all = {
    cpu: () => ({ microseconds: cpuMicroseconds() }),
    rss: () => ({ bytes: residentBytes() }),
    quit: () => process.exit(0),
    ...handlers,
  };
  const lines = createInterface({ input: process.stdin });
  lines.on("line", async (line) => {
    const { command, ...options } = JSON.parse(line);
    tell(command, await all[command](options));
  });
  // Whoever gave the commands is gone.
  lines.once("close", () => process.exit(0));
}

export function tell(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

/** User and system time of this process so far. */
export function cpuMicroseconds() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Where the process runs with --expose-gc, of what is kept: a first collection may only prepare what a second one frees. */
function residentBytes() {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

/** The value of a flag such as `--redis URL` on the command line; it must be there unless there is a default. */
export function flag(name, byDefault) {
  const index = process.argv.indexOf(`--${name}`);
  const value = index < 0 ? byDefault : process.argv[index + 1];
  if (value === undefined) throw new Error(`--${name} is missing`);
  return value;
}
