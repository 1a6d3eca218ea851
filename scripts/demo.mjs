// `npm run demo`: Redis, the bridge, three sample workers and a producer, and the dashboard to look at.
// The only thing that stays after it ends is what it wrote to a Redis that REDIS_URL named.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { parseArgs } from "node:util";
import { freePort, startPrivateRedis } from "./private-redis.mjs";
import { ensureBuild, ensureDependencies, ensureRedis, ROOT, runMain, SetupError, say } from "./setup.mjs";

const QUEUES = ["images", "emails", "reports"];
const WORKERS = ["image-worker", "email-worker", "report-worker", "producer"];
const DEFAULT_PORT = 3939;
const READY_TIMEOUT_MS = 20_000;
/** How long children may take to finish what they are at; then they are killed. */
const STOP_TIMEOUT_MS = 5000;
/** One Ctrl-C under `npm run` arrives twice at once, from the terminal and from npm; a second press comes later. */
const SAME_KEYPRESS_MS = 300;
const LAST_LINES = 30;
/** pino's number for `error`. */
const ERROR_LEVEL = 50;

const HELP = `Usage: npm run demo -- [--verbose] [--help]

Starts a Redis of its own, the bridge, three sample workers and a producer of jobs, each a process,
and prints the address of the dashboard. Installs and builds what is missing.

  --verbose   show what the processes log, not only their errors
  --help      show this text

  PORT        port of the dashboard; default ${DEFAULT_PORT}; another free one if it is taken
  REDIS_URL   use this Redis instead; only keys under the prefix "bullcast-demo" are touched
  NO_COLOR    no colours

Ctrl-C stops everything; a second Ctrl-C kills at once.
`;

const COLOURS = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 };
const PREFIX_COLOURS = ["cyan", "green", "magenta", "yellow", "blue"];

function paint(stream, colour, text) {
  const isColourful = stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  return isColourful ? `\x1b[${COLOURS[colour]}m${text}\x1b[0m` : text;
}

/** Thrown to leave the start when the demo is being stopped meanwhile. */
class Stopped extends Error {}

/** Runs in a process of its own and ends the others when the demo is killed so hard that it cannot. */
function guard(stopTimeoutMs) {
  const pids = { children: [], redis: null };
  const kill = (pid, signal) => {
    try {
      return process.kill(pid, signal);
    } catch {
      return false;
    }
  };
  // Only the end of the demo ends the guard, not what the terminal sends to everyone.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
  process.on("message", (message) => Object.assign(pids, message));
  process.once("disconnect", () => {
    const deadline = Date.now() + stopTimeoutMs;
    for (const pid of pids.children) kill(pid, "SIGTERM");
    setInterval(() => {
      const isLate = Date.now() > deadline;
      const alive = pids.children.filter((pid) => kill(pid, isLate ? "SIGKILL" : 0));
      if (alive.length > 0 && !isLate) return;
      if (pids.redis) kill(pids.redis, "SIGKILL");
      process.exit();
    }, 50);
  });
}

class Demo {
  #isVerbose;
  #children = new Map();
  #redis = null;
  #guard = null;
  #stopping = null;

  constructor(isVerbose) {
    this.#isVerbose = isVerbose;
  }

  /** Resolves when everything is up; the demo then runs until `stop`. */
  async start(requestedPort) {
    const redisUrl = process.env.REDIS_URL;
    if (redisUrl) await checkRedis(redisUrl);
    this.#mustGoOn();
    this.#startGuard();
    if (!redisUrl) await this.#startRedis();
    this.#mustGoOn();
    const port = await choosePort(requestedPort);
    const environment = {
      ...process.env,
      // In the environment, as a command line with a password can be read by every user of the machine.
      REDIS_URL: redisUrl ?? this.#redis.url,
      // A Redis that is somebody's has queues that are somebody's: the demo must not mix with them.
      BULLCAST_PREFIX: redisUrl ? "bullcast-demo" : "bull",
    };
    const queues = QUEUES.flatMap((queue) => ["--queue", queue]);
    const serve = ["dist/cli/main.js", "serve", "--host", "127.0.0.1", "--port", String(port), ...queues];
    this.#launch("bridge", serve, environment);
    await this.#waitForPage(`http://127.0.0.1:${port}/`);
    for (const worker of WORKERS) this.#launch(worker, [`workers/build/${worker}.js`], environment);
    this.#announce(
      port,
      redisUrl
        ? "the one REDIS_URL names, keys under bullcast-demo:"
        : `${this.#redis.url}, private, ends with the demo`,
    );
  }

  /** Ends every process in order, then this one. */
  stop(exitCode) {
    this.#stopping ??= this.#stop(exitCode);
    return this.#stopping;
  }

  /** Ends every process now. */
  kill(exitCode) {
    for (const { process: child } of this.#children.values()) child.kill("SIGKILL");
    this.#guard?.kill("SIGKILL");
    // What startPrivateRedis() started is killed by its own exit listener.
    process.exit(exitCode);
  }

  get isStopping() {
    return this.#stopping !== null;
  }

  async #stop(exitCode) {
    for (const { process: child } of this.#children.values()) child.kill("SIGTERM");
    const killing = setTimeout(() => {
      for (const [name, { process: child }] of this.#children) {
        say(`${name} did not stop within ${STOP_TIMEOUT_MS / 1000} s; killing it.`);
        child.kill("SIGKILL");
      }
    }, STOP_TIMEOUT_MS);
    await Promise.all([...this.#children.values()].map(({ exited }) => exited));
    clearTimeout(killing);
    // Last, so that nobody's farewell meets a closed door.
    await this.#redis?.stop();
    this.#guard?.kill("SIGKILL");
    process.exit(exitCode);
  }

  #mustGoOn() {
    if (this.isStopping) throw new Stopped();
  }

  #startGuard() {
    this.#guard = spawn(process.execPath, ["-e", `(${guard})(${STOP_TIMEOUT_MS})`], {
      detached: true,
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    this.#guard.on("error", () => {});
  }

  #tellGuard() {
    const children = [...this.#children.values()].map(({ process: child }) => child.pid);
    // A guard that is gone cannot be told; the demo works without.
    this.#guard.send({ children, redis: this.#redis?.pid ?? null }, () => {});
  }

  async #startRedis() {
    this.#redis = await startPrivateRedis();
    this.#tellGuard();
    const { pid } = this.#redis;
    setInterval(() => {
      if (this.isStopping || isAlive(pid)) return;
      say(paint(process.stderr, "red", "\nThe private Redis ended unexpectedly."));
      this.stop(1);
    }, 500).unref();
  }

  #launch(name, args, env) {
    this.#mustGoOn();
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      env,
      // With a channel whose end tells the child that the demo is gone,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // and in a group of its own: Ctrl-C is the demo's to handle, in order.
      detached: true,
    });
    const output = [];
    const colour = PREFIX_COLOURS[this.#children.size % PREFIX_COLOURS.length];
    for (const stream of [child.stdout, child.stderr]) {
      onLine(stream, (line) => {
        const { text, level } = readLogLine(line);
        output.push(text);
        if (output.length > LAST_LINES) output.shift();
        const isError = level === null ? stream === child.stderr : level >= ERROR_LEVEL;
        if (!this.#isVerbose && (!isError || this.isStopping)) return;
        const prefix = paint(process.stderr, colour, `[${name}]`);
        say(`${prefix} ${isError ? paint(process.stderr, "red", text) : text}`);
      });
    }
    const exited = new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    const closed = new Promise((resolve) => child.once("close", resolve));
    this.#children.set(name, { process: child, exited });
    this.#tellGuard();
    exited.then(async (reason) => {
      this.#children.delete(name);
      if (this.isStopping) return;
      // The output may still be on its way when the process is gone.
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 500))]);
      if (this.isStopping) return;
      const last = output.length > 0 ? `Its last output:\n  ${output.join("\n  ")}` : "It had said nothing.";
      say(paint(process.stderr, "red", `\n${name} ended unexpectedly (${reason}). ${last}`));
      this.stop(1);
    });
  }

  async #waitForPage(url) {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    for (;;) {
      this.#mustGoOn();
      const answer = await fetch(url, { signal: AbortSignal.timeout(2000) }).then(
        (response) => (response.ok ? null : `it answers ${response.status}`),
        (error) => error.cause?.message ?? error.message,
      );
      if (answer === null) return;
      if (Date.now() > deadline) {
        throw new SetupError(`The bridge does not serve ${url} after ${READY_TIMEOUT_MS / 1000} s: ${answer}.`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #announce(port, redis) {
    this.#mustGoOn();
    const out = process.stdout;
    const base = `http://127.0.0.1:${port}${process.env.BULLCAST_BASE_PATH || "/ws"}`;
    const row = (name, text) => `  ${paint(out, "dim", name.padEnd(11))}${text}`;
    out.write(
      [
        "",
        `  ${paint(out, "bold", "bullcast is running")}`,
        "",
        row("Dashboard", paint(out, "bold", paint(out, "cyan", `${base}/dashboard/`))),
        row("Health", `${base}/health`),
        row("Redis", redis),
        row("Queues", QUEUES.join(", ")),
        row("Workers", WORKERS.join(", ")),
        "",
        "  Open the dashboard in a browser. Ctrl-C stops everything.",
        "",
        "",
      ].join("\n"),
    );
  }
}

function onLine(stream, handle) {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines) handle(line);
  });
  stream.on("end", () => {
    if (rest) handle(rest);
  });
}

/** A line of pino as people read it, with its level; any other line as it is. */
function readLogLine(line) {
  try {
    const { level, msg, time, pid, hostname, ...facts } = JSON.parse(line);
    if (typeof level !== "number") return { text: line, level: null };
    const rest = Object.keys(facts).length > 0 ? ` ${JSON.stringify(facts)}` : "";
    return { text: `${msg ?? ""}${rest}`, level };
  } catch {
    return { text: line, level: null };
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Fails with a text for people when the Redis of REDIS_URL does not answer. */
async function checkRedis(url) {
  // Not at the top: this file runs before anything is installed.
  const { Redis } = await import("ioredis");
  const failed = (reason) =>
    new SetupError(
      `REDIS_URL is set to ${maskPassword(url)}, but that Redis cannot be used: ${reason.replace(/\.$/, "")}.\n` +
        "Start that server, correct the URL, or unset REDIS_URL to let the demo start a Redis of its own.",
    );
  if (!url.startsWith("/") && !/^rediss?:$/.test(URL.canParse(url) ? new URL(url).protocol : "")) {
    throw failed("it is neither a redis:// or rediss:// URL nor a unix socket's absolute path");
  }
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 3000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // The reason of a refused connection comes by this event; the promise only says that it closed.
  let reason = null;
  redis.on("error", (error) => {
    const wantsPassword = /^NOAUTH/.test(error.message);
    reason ??= wantsPassword ? "it wants a password, as in redis://:password@host:6379" : error.message || error.code;
  });
  try {
    await redis.connect();
    await redis.ping();
  } catch (error) {
    throw failed(reason ?? error.message);
  } finally {
    redis.disconnect();
  }
}

function maskPassword(url) {
  return url.replace(/^([a-z]+:\/\/[^:@/]*):.*@/i, "$1:****@");
}

/** The port asked for if it is free, else another one, which is said. */
async function choosePort(requested) {
  const problem = await new Promise((resolve) => {
    const server = createServer().once("error", (error) => resolve(error));
    server.listen(requested, "127.0.0.1", () => server.close(() => resolve(null)));
  });
  if (!problem && requested !== 0) return requested;
  const chosen = await freePort();
  if (problem) {
    const reason = problem.code === "EADDRINUSE" ? "taken" : `not to be had (${problem.message})`;
    say(`Port ${requested} is ${reason}; using ${chosen} instead.`);
  }
  return chosen;
}

function readPort() {
  const text = process.env.PORT || String(DEFAULT_PORT);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new SetupError(`PORT must be a number from 0 to 65535; it is ${JSON.stringify(text)}.`);
}

function readOptions() {
  try {
    return parseArgs({ options: { verbose: { type: "boolean" }, help: { type: "boolean" } } }).values;
  } catch (error) {
    say(`${error.message}\n\n${HELP}`);
    process.exit(2);
  }
}

await runMain(async () => {
  const options = readOptions();
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const port = readPort();
  await ensureRedis();
  await ensureDependencies();
  await ensureBuild();

  const demo = new Demo(options.verbose ?? false);
  // A terminal that was closed takes no farewell; that must not end the demo before it has cleaned up.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  let signalledAt = null;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signalledAt === null) {
        signalledAt = Date.now();
        say(`\nStopping (${signal}).`);
        demo.stop(0);
      } else if (Date.now() - signalledAt > SAME_KEYPRESS_MS) {
        say("Killing everything.");
        demo.kill(130);
      }
    });
  }
  try {
    await demo.start(port);
  } catch (error) {
    if (error instanceof Stopped) return;
    say(paint(process.stderr, "red", `\n${error instanceof SetupError ? error.message : error.stack}`));
    await demo.stop(1);
  }
});
