import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { pino } from "pino";
import pretty from "pino-pretty";
import type { Bridge } from "../bridge.ts";
import { createBridge } from "../bridge.ts";
import type { ServerSettings } from "../config.ts";
import { maskUrl, parseServerSettings, readEnvironment } from "../config.ts";
import { describeError, RedisConnection } from "../sources/redis-connections.ts";
import { StreamQueries } from "../sources/stream-queries.ts";
import { UsageError } from "./flags.ts";

const DEFAULT_REDIS_URL = "redis://127.0.0.1:6379";
/** How long to look for queues to suggest. */
const SUGGESTION_TIMEOUT_MS = 3000;

/**
 * Runs the standalone server until a signal ends it.
 *
 * @throws {InvalidSettingsError} listing every setting that cannot be used.
 * @throws {UsageError} when it was not said which queues to watch.
 */
export async function serve(flags: Record<string, unknown>): Promise<void> {
  const settings = parseServerSettings({
    connection: DEFAULT_REDIS_URL,
    ...readEnvironment(process.env),
    ...flags,
  });
  if (settings.queues.length === 0 && !settings.discover) throw new UsageError(await suggestQueues(settings));
  const { host, port, logLevel, ...bridgeOptions } = settings;
  const logger = createLogger(logLevel);
  const bridge = createBridge({ ...bridgeOptions, logger });
  // Relative, so that it holds below whatever path a proxy puts all of this.
  const dashboard = `${settings.basePath.slice(1)}/dashboard/`;
  const server = createServer((request, response) => {
    const [path] = (request.url ?? "/").split("?", 1);
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (path === "/" && isRead) response.writeHead(302, { location: dashboard, "cache-control": "no-store" }).end();
    else bridge.router(request, response);
  });
  bridge.attach(server);
  await listen(server, host, port);
  endOnSignals(server, bridge, logger);
  const address = server.address() as AddressInfo;
  const redis = maskUrl(String(settings.connection));
  logger.info({ redis, prefix: settings.prefix }, `bullcast shows jobs at http://${inUrl(host)}:${address.port}/`);
  warnOfAccess(settings, logger);
  await bridge.start();
  const { status, checks } = bridge.health();
  if (status === "unhealthy") logger.warn({ checks }, "started, but not reading yet; it goes on trying");
  else {
    logger.info({ queues: bridge.queues }, "watching");
    if (bridge.queues.length === 0) logger.info("no queue found yet; one is watched as soon as it is there");
    await warnOfUnknownQueues(settings, bridge.queues, logger);
  }
}

function warnOfAccess({ insecure, host, adminToken }: ServerSettings, logger: Logger): void {
  if (insecure) logger.warn("insecure: everybody who can reach this port sees every job");
  else if (!adminToken && !["127.0.0.1", "::1", "localhost"].includes(host)) {
    logger.warn(`listening on ${host}, but only requests from this machine are served; for others set --admin-token`);
  }
}

/** A queue that does not exist yet is no error, but more often it is a typing error. */
async function warnOfUnknownQueues(
  settings: ServerSettings,
  watched: readonly string[],
  logger: Logger,
): Promise<void> {
  const found = await findQueues(settings).catch(() => null);
  const unknown = watched.filter((queue) => found && !found.includes(queue));
  if (unknown.length === 0) return;
  logger.warn(
    { unknown, found, prefix: settings.prefix },
    "some queues are not in Redis yet; are name and prefix right?",
  );
}

/** JSON lines for programs, readable lines for people. */
function createLogger(level: string): Logger {
  const options = { name: "bullcast", base: null, level };
  if (!process.stdout.isTTY) return pino(options);
  return pino(options, pretty({ colorize: !process.env.NO_COLOR, ignore: "name", translateTime: "SYS:HH:MM:ss" }));
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === "EADDRINUSE";
      reject(
        isTaken ? new Error(`port ${port} of ${host} is in use: end what uses it, or give another with --port`) : error,
      );
    });
    server.listen(port, host, resolve);
  });
}

function endOnSignals(server: Server, bridge: Bridge, logger: Logger): void {
  let isEnding = false;
  const end = async (signal: NodeJS.Signals) => {
    // Whoever asks twice does not want to wait.
    if (isEnding) process.exit(130);
    isEnding = true;
    logger.info({ signal }, "shutting down");
    server.close();
    await bridge.close();
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void end(signal));
  // A parent that is gone without a signal (it was killed) leaves nobody to end us.
  process.once("disconnect", () => void end("SIGTERM"));
}

/** What to say to somebody who did not name queues: which there are. */
async function suggestQueues(settings: ServerSettings): Promise<string> {
  const start = "no queues to watch: name them with --queue NAME, or watch all with --discover";
  const where = `prefix "${settings.prefix}" at ${maskUrl(String(settings.connection))}`;
  try {
    const queues = await findQueues(settings);
    if (queues.length === 0) return `${start}\nno queues found with ${where}; is the prefix right?`;
    return `${start}\nqueues found with ${where}:\n${queues.map((queue) => `  --queue ${quote(queue)}`).join("\n")}`;
  } catch (error) {
    return `${start}\nqueues with ${where} could not be listed: ${describeError(error)}`;
  }
}

async function findQueues(settings: ServerSettings): Promise<string[]> {
  const connection = new RedisConnection(settings.connection);
  try {
    connection.open();
    if (!(await connection.whenReady(SUGGESTION_TIMEOUT_MS))) throw new Error(connection.problem ?? "no answer");
    return (await new StreamQueries(connection, settings.prefix).findQueues()).queues;
  } finally {
    connection.close();
  }
}

/** As a shell takes it back unchanged. */
function quote(text: string): string {
  return /^[\w.@%+=:,/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function inUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
