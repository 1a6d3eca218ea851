import type { ParseArgsConfig } from "node:util";
import { parseArgs } from "node:util";
import { readSetting } from "../config.ts";
import { BullcastError } from "../errors.ts";

/** The command line cannot be read. */
export class UsageError extends BullcastError {
  readonly code = "USAGE";
}

type ServeFlag = { setting: string; argument: string | null; help: string };

/** Flags of `bullcast serve`, each a setting; those with a plural setting may be given several times. */
const SERVE_FLAGS: Readonly<Record<string, ServeFlag>> = {
  redis: { setting: "connection", argument: "URL", help: "Redis (REDIS_URL; redis://127.0.0.1:6379)" },
  queue: { setting: "queues", argument: "NAME", help: "watch this queue; repeat for several (BULLCAST_QUEUES)" },
  discover: {
    setting: "discover",
    argument: null,
    help: "watch every queue found, also later ones (BULLCAST_DISCOVER)",
  },
  prefix: { setting: "prefix", argument: "TEXT", help: "BullMQ key prefix (BULLCAST_PREFIX; bull)" },
  port: { setting: "port", argument: "PORT", help: "port to listen on, 0 for any (PORT; 3939)" },
  host: { setting: "host", argument: "HOST", help: "address to listen on (HOST; 127.0.0.1)" },
  "base-path": { setting: "basePath", argument: "PATH", help: "where everything is served (BULLCAST_BASE_PATH; /ws)" },
  "admin-token": {
    setting: "adminToken",
    argument: "TOKEN",
    help: "admits to REST and sockets (BULLCAST_ADMIN_TOKEN)",
  },
  "allowed-origin": {
    setting: "allowedOrigins",
    argument: "ORIGIN",
    help: "web origin that may connect; repeatable (BULLCAST_ALLOWED_ORIGINS)",
  },
  "allowed-host": {
    setting: "allowedHosts",
    argument: "HOST",
    help: "further host name of this server; repeatable (BULLCAST_ALLOWED_HOSTS)",
  },
  "log-channel": {
    setting: "logChannels",
    argument: "PATTERN",
    help: "Redis pub/sub channel with log lines; repeatable (BULLCAST_LOG_CHANNELS)",
  },
  "log-level": {
    setting: "logLevel",
    argument: "LEVEL",
    help: "trace, debug, info, warn, error, fatal, silent (LOG_LEVEL; info)",
  },
  "read-only": {
    setting: "readOnly",
    argument: null,
    help: "send nothing and disconnect nobody over REST (BULLCAST_READ_ONLY)",
  },
  insecure: { setting: "insecure", argument: null, help: "serve everybody who can reach the port (BULLCAST_INSECURE)" },
};

const LIST_SETTINGS: readonly string[] = ["queues", "allowedOrigins", "allowedHosts", "logChannels"];

/** What the command line asks for. */
export type Command = { name: "help" } | { name: "version" } | { name: "serve"; settings: Record<string, unknown> };

/**
 * Reads the command line, without the program's own name.
 *
 * @throws {UsageError} when it names what there is not.
 */
export function readCommand(args: readonly string[]): Command {
  const options: NonNullable<ParseArgsConfig["options"]> = {
    help: { type: "boolean", short: "h" },
    version: { type: "boolean", short: "v" },
  };
  for (const [flag, { setting, argument }] of Object.entries(SERVE_FLAGS)) {
    options[flag] = { type: argument === null ? "boolean" : "string", multiple: LIST_SETTINGS.includes(setting) };
  }
  const { values, positionals } = parse(args, options);
  if (values.help) return { name: "help" };
  if (values.version) return { name: "version" };
  const [command, ...rest] = positionals;
  if (command === undefined && Object.keys(values).length === 0) return { name: "help" };
  if (command === undefined) throw new UsageError("no command given; did you mean `bullcast serve ...`?");
  if (command !== "serve") throw new UsageError(`there is no command "${command}", only "serve"`);
  if (rest.length > 0)
    throw new UsageError(`"serve" takes no further words, given "${rest.join(" ")}"; queues are named with --queue`);
  const settings: Record<string, unknown> = {};
  for (const [flag, { setting }] of Object.entries(SERVE_FLAGS)) {
    const value = values[flag];
    if (value !== undefined) settings[setting] = typeof value === "string" ? readSetting(setting, value) : value;
  }
  return { name: "serve", settings };
}

function parse(args: readonly string[], options: NonNullable<ParseArgsConfig["options"]>) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    // Node's text goes on with advice that is for positional arguments.
    const [sentence = message] = message.split(". ", 1);
    if (code !== "ERR_PARSE_ARGS_UNKNOWN_OPTION") throw new UsageError(sentence, { cause });
    throw new UsageError(`there is no option ${/'([^']+)'/.exec(message)?.[1] ?? "of that name"}`, { cause });
  }
}

/** The text of `bullcast --help`. */
export function helpText(): string {
  const rows = Object.entries(SERVE_FLAGS).map(([flag, { argument, help }]) => {
    return `  ${`--${flag}${argument === null ? "" : ` ${argument}`}`.padEnd(26)}${help}`;
  });
  return `bullcast shows the jobs of BullMQ queues live in browsers.

Usage: bullcast serve --redis URL (--queue NAME... | --discover) [options]

Options (variable and default in brackets):
${rows.join("\n")}
  -h, --help                this text
  -v, --version             the version

Further variables: BULLCAST_MAX_QUEUE_SIZE, BULLCAST_MAX_QUEUE_BYTES, BULLCAST_MAX_TOTAL_QUEUE_BYTES,
BULLCAST_MAX_FLUSH_DELAY_MS, BULLCAST_MAX_TAILED_JOBS, BULLCAST_ENABLE_HEARTBEAT,
BULLCAST_HEARTBEAT_INTERVAL, BULLCAST_HEARTBEAT_TIMEOUT, BULLCAST_TRUST_PROXY.

Exit codes: 0 after a normal end, 1 when it could not go on, 2 when it was started wrongly.`;
}
