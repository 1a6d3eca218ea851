import type { Logger } from "pino";
import { z } from "zod";
import type { SettingIssue } from "./errors.ts";
import { InvalidSettingsError } from "./errors.ts";
import type { Authenticate, ConnectionSetting, QueueEventsLike } from "./handed-in.ts";
import { isConnection, isQueueEventsLike, QUEUE_NAME_PATTERN } from "./handed-in.ts";
import { describeGiven } from "./input-issue.ts";

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

function isLogger(value: unknown): boolean {
  const logger = value as Logger | null;
  return typeof logger?.info === "function" && typeof logger.child === "function";
}

function isOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value;
}

const seconds = (fallback: number) =>
  z.number().min(0.1).max(86_400).default(fallback).describe("a number of seconds from 0.1 to 86400");
const count = (minimum: number, maximum: number, unit: string, fallback: number) =>
  z
    .int()
    .min(minimum)
    .max(maximum)
    .default(fallback)
    .describe(`a whole number of ${unit} from ${minimum} to ${maximum}`);
const flag = (fallback: boolean) => z.boolean().default(fallback).describe("true or false");

/** Every setting of the library: type, limits, default. The description is what an error says was expected. */
const bridgeShape = {
  connection: z
    .custom<ConnectionSetting>(isConnection)
    .describe(
      "a redis:// or rediss:// URL (path: a database number), a unix socket's absolute path, ioredis options or an ioredis instance (no Redis Cluster)",
    ),
  queues: z
    .array(z.union([z.string().regex(QUEUE_NAME_PATTERN), z.custom<QueueEventsLike>(isQueueEventsLike)]))
    .default([])
    .describe("queue names (no colon, 1 to 256 characters) or BullMQ QueueEvents instances"),
  discover: flag(false),
  prefix: z.string().min(1).max(256).default("bull").describe("the BullMQ key prefix, 1 to 256 characters"),
  basePath: z
    .string()
    .regex(/^(\/[A-Za-z0-9._~-]+)+$/)
    .default("/ws")
    .describe("a path such as /ws: starts with a slash, does not end with one"),
  logChannels: z
    .array(z.string().min(1).max(512))
    .default([])
    .describe("Redis pub/sub channels or patterns, 1 to 512 characters each"),
  adminToken: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/)
    .optional()
    .describe("1 to 512 printable ASCII characters without spaces"),
  authenticate: z.custom<Authenticate>(isFunction).optional().describe("a function of the request"),
  allowedOrigins: z
    .array(z.string().refine(isOrigin))
    .default([])
    .describe("origins such as https://app.example.com: scheme and host, no path"),
  allowedHosts: z
    .array(
      z
        .string()
        .toLowerCase()
        .regex(/^[a-z0-9.-]+$|^\[[0-9a-f:.]+\]$/),
    )
    .default([])
    .describe("host names such as bridge.internal: no scheme, no port"),
  insecure: flag(false),
  trustProxy: flag(false),
  readOnly: flag(false),
  enableHeartbeat: flag(true),
  heartbeatInterval: seconds(30),
  heartbeatTimeout: seconds(60),
  maxQueueSize: count(1, 10_000_000, "messages", 10_000),
  maxQueueBytes: count(1024, 1024 ** 3, "bytes", 4 * 1024 ** 2),
  maxTotalQueueBytes: count(1024, 64 * 1024 ** 3, "bytes", 256 * 1024 ** 2),
  maxFlushDelayMs: count(0, 1000, "milliseconds", 25),
  maxTailedJobs: count(0, 10_000, "jobs", 100),
  logger: z.custom<Logger>(isLogger).optional().describe("a pino logger"),
};

const serverShape = {
  ...bridgeShape,
  host: z.string().min(1).default("127.0.0.1").describe("a host name or address to listen on"),
  port: z.int().min(0).max(65_535).default(3939).describe("a port from 0 (any free one) to 65535"),
  logLevel: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .default("info")
    .describe("trace, debug, info, warn, error, fatal or silent"),
};

const bridgeSchema = z.strictObject(bridgeShape);
const serverSchema = z.strictObject(serverShape);

/** What `createBridge` takes; everything but `connection` has a default. */
export type BridgeOptions = z.input<typeof bridgeSchema>;
export type BridgeSettings = z.output<typeof bridgeSchema>;
/** What `bullcast serve` runs on: the library's settings and those of its own HTTP server. */
export type ServerSettings = z.output<typeof serverSchema>;

/** Settings that are planned but not there yet: naming one stops the start, as nothing set may be ignored. */
const NOT_YET: readonly string[] = ["cluster", "authorize"];
const SECRETS: readonly string[] = ["adminToken"];

type SettingName = keyof typeof serverShape;

/** How each setting is given from outside: its environment variable and what its text holds. */
export const ENVIRONMENT: Readonly<
  Partial<Record<SettingName, { variable: string; holds: "text" | "number" | "boolean" | "list" }>>
> = {
  connection: { variable: "REDIS_URL", holds: "text" },
  queues: { variable: "BULLCAST_QUEUES", holds: "list" },
  discover: { variable: "BULLCAST_DISCOVER", holds: "boolean" },
  prefix: { variable: "BULLCAST_PREFIX", holds: "text" },
  basePath: { variable: "BULLCAST_BASE_PATH", holds: "text" },
  logChannels: { variable: "BULLCAST_LOG_CHANNELS", holds: "list" },
  adminToken: { variable: "BULLCAST_ADMIN_TOKEN", holds: "text" },
  allowedOrigins: { variable: "BULLCAST_ALLOWED_ORIGINS", holds: "list" },
  allowedHosts: { variable: "BULLCAST_ALLOWED_HOSTS", holds: "list" },
  insecure: { variable: "BULLCAST_INSECURE", holds: "boolean" },
  trustProxy: { variable: "BULLCAST_TRUST_PROXY", holds: "boolean" },
  readOnly: { variable: "BULLCAST_READ_ONLY", holds: "boolean" },
  enableHeartbeat: { variable: "BULLCAST_ENABLE_HEARTBEAT", holds: "boolean" },
  heartbeatInterval: { variable: "BULLCAST_HEARTBEAT_INTERVAL", holds: "number" },
  heartbeatTimeout: { variable: "BULLCAST_HEARTBEAT_TIMEOUT", holds: "number" },
  maxQueueSize: { variable: "BULLCAST_MAX_QUEUE_SIZE", holds: "number" },
  maxQueueBytes: { variable: "BULLCAST_MAX_QUEUE_BYTES", holds: "number" },
  maxTotalQueueBytes: { variable: "BULLCAST_MAX_TOTAL_QUEUE_BYTES", holds: "number" },
  maxFlushDelayMs: { variable: "BULLCAST_MAX_FLUSH_DELAY_MS", holds: "number" },
  maxTailedJobs: { variable: "BULLCAST_MAX_TAILED_JOBS", holds: "number" },
  host: { variable: "HOST", holds: "text" },
  port: { variable: "PORT", holds: "number" },
  logLevel: { variable: "LOG_LEVEL", holds: "text" },
};

/** Variables a BULLCAST_ name of the future would have; they get the same refusal as the option. */
const NOT_YET_VARIABLES = new Map(
  NOT_YET.map((name) => [`BULLCAST_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`, name]),
);

/** Reads the text of a setting as what it holds; text that is no such thing is left for the schema to refuse. */
function readText(text: string, holds: "text" | "number" | "boolean" | "list"): unknown {
  if (holds === "list")
    return text
      .split(",")
      .map((item) => item.trim())
      .filter(Boolean);
  const trimmed = text.trim();
  if (holds === "number") return /^-?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : text;
  if (holds === "boolean") {
    if (/^(true|1|yes|on)$/i.test(trimmed)) return true;
    if (/^(false|0|no|off)$/i.test(trimmed)) return false;
  }
  return text;
}

/** Reads the text of one setting, for example from a flag, as what the setting holds. */
export function readSetting(name: string, text: string): unknown {
  return readText(text, ENVIRONMENT[name as SettingName]?.holds ?? "text");
}

/**
 * The settings that stand in environment variables; empty variables count as unset.
 * `BULLCAST_...` variables that are not known are handed on too, so that a typing error is refused and not ignored.
 */
export function readEnvironment(environment: NodeJS.ProcessEnv): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  const known = new Map(Object.entries(ENVIRONMENT).map(([name, entry]) => [entry.variable, { name, ...entry }]));
  for (const [variable, text] of Object.entries(environment)) {
    if (text === undefined || text === "") continue;
    const entry = known.get(variable);
    if (entry) given[entry.name] = readText(text, entry.holds);
    else if (variable.startsWith("BULLCAST_")) given[NOT_YET_VARIABLES.get(variable) ?? variable] = text;
  }
  return given;
}

/** A value as an error may show it: secrets and passwords masked, objects of the application only named. */
function describeSetting(name: string, value: unknown): string {
  if (value === undefined) return "nothing";
  if (SECRETS.includes(name)) return "****";
  // Whatever was meant by a name that is not known may be a secret.
  if (!(name in serverShape)) return `a value of type ${typeof value}`;
  if (name === "connection" && typeof value === "string")
    return describeGiven(value.replace(/^.*@/s, "****@").replace(/\?.*$/s, "?****"));
  if (typeof value === "function") return "a function";
  if (name === "connection" || name === "logger") return `a value of type ${value === null ? "null" : typeof value}`;
  if (Array.isArray(value))
    return `[${value.map((item) => (typeof item === "string" ? describeGiven(item) : `a value of type ${typeof item}`)).join(", ")}]`;
  return describeGiven(value);
}

/** A Redis URL without its passwords, for logs and errors. */
export function maskUrl(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:@/]*):.*@/i, "$1:****@").replace(/([?&]password=)[^&]*/i, "$1****");
}

function nameForPeople(name: string): string {
  const variable = ENVIRONMENT[name as SettingName]?.variable;
  return variable ? `${name} (${variable})` : name;
}

function issuesOf(error: z.ZodError, given: Record<string, unknown>): SettingIssue[] {
  const issues = new Map<string, SettingIssue>();
  for (const issue of error.issues) {
    const names = issue.code === "unrecognized_keys" ? issue.keys : [String(issue.path[0])];
    for (const name of names) {
      const expected =
        issue.code !== "unrecognized_keys"
          ? (serverShape[name as SettingName]?.description ?? issue.message)
          : NOT_YET.includes(name)
            ? "nothing: this version does not have it yet"
            : "nothing: there is no such setting";
      issues.set(name, { setting: nameForPeople(name), expected, given: describeSetting(name, given[name]) });
    }
  }
  return [...issues.values()];
}

function parse<T extends BridgeSettings>(schema: z.ZodType<T>, given: Record<string, unknown>): T {
  const parsed = schema.safeParse(given);
  const issues = parsed.success ? [] : issuesOf(parsed.error, given);
  const interval = given.heartbeatInterval ?? 30;
  const timeout = given.heartbeatTimeout ?? 60;
  if (typeof interval === "number" && typeof timeout === "number" && timeout <= interval) {
    const expected = `more than heartbeatInterval, which is ${interval}`;
    issues.push({ setting: nameForPeople("heartbeatTimeout"), expected, given: describeGiven(timeout) });
  }
  if (issues.length > 0 || !parsed.success) throw new InvalidSettingsError(issues);
  return parsed.data;
}

/**
 * Checks what the library was given and fills in defaults.
 *
 * @throws {InvalidSettingsError} listing every setting that cannot be used.
 */
export function parseBridgeOptions(options: BridgeOptions): BridgeSettings {
  return parse(bridgeSchema, { ...options });
}

/**
 * Checks what the standalone server was given and fills in defaults.
 *
 * @throws {InvalidSettingsError} listing every setting that cannot be used.
 */
export function parseServerSettings(given: Record<string, unknown>): ServerSettings {
  return parse(serverSchema, given);
}
