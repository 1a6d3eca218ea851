// Gets a machine ready for the demo and the tests: installs and builds what is missing, and says what it does.
// Plain JavaScript on Node's own modules, as it runs before anything is installed.
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findRedisServer } from "./private-redis.mjs";

/** The repository's top folder. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** A condition that people can do something about: shown as its text alone, without a stack. */
export class SetupError extends Error {}

/** Says what is going on. On stderr, so that stdout stays free for what a script was asked for. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** The exit code a shell gives to a process that ended so. */
export function exitCodeOf(code, signal) {
  return signal ? 128 + osConstants.signals[signal] : (code ?? 1);
}

/** Runs a script's main function; a `SetupError` ends it with exit code 1 and a text for people. */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`\n${error.message}`);
    process.exit(1);
  }
}

/** Runs `npm ci` when what is installed is not what package-lock.json asks for. */
export async function ensureDependencies() {
  const reason = dependenciesReason();
  if (!reason) return;
  say(`Installing npm packages (npm ci): ${reason}.`);
  await run("npm", ["ci", "--no-audit", "--no-fund"], "npm ci failed; the output above says why.");
}

/** Runs `npm run build` when a compiled file is missing or older than what it is made from. */
export async function ensureBuild() {
  const reason = buildReason();
  if (!reason) return;
  say(`Building (npm run build): ${reason}.`);
  await run("npm", ["run", "--silent", "build"], "npm run build failed; the output above says why.");
}

/** Makes sure that a Redis can be had: REDIS_URL names one, or a server program is there or gets installed. */
export async function ensureRedis() {
  if (!process.env.REDIS_URL) await ensureTools([REDIS_SERVER]);
}

/** Makes sure of every program the tests drive. They start Redis servers of their own, so REDIS_URL does not help them. */
export async function ensureTestTools() {
  await ensureTools([REDIS_SERVER, CHROMIUM, NGINX, PYTHON_WEBSOCKETS]);
}

/** Makes sure of what the pictures need: they show what most people's pages look like, which needs a font. */
export async function ensurePictureTools() {
  await ensureTools([REDIS_SERVER, CHROMIUM, INTER]);
}

const REDIS_SERVER = {
  name: "a Redis server program (redis-server or valkey-server)",
  isThere: () => findRedisServer() !== null,
  debianPackage: "redis-server",
  service: "redis-server",
  ways: [
    "point REDIS_URL at a running Redis (enough for the demo, not for the tests): REDIS_URL=redis://127.0.0.1:6379 npm run demo",
    "put redis-server or valkey-server on PATH",
    "Debian, Ubuntu: apt-get install redis-server, as root",
    "macOS: brew install redis",
    "Docker: docker run --rm -p 127.0.0.1:6379:6379 redis:7, then set REDIS_URL as above",
    "Docker, everything at once instead of the demo: docker compose up",
  ],
};

const CHROMIUM = {
  name: "the Chromium browser",
  isThere: () => isOnPath("chromium"),
  debianPackage: "chromium",
  ways: ["put chromium on PATH", "Debian: apt-get install chromium, as root"],
};

const NGINX = {
  name: "nginx",
  // Debian keeps it in /usr/sbin, which is not on every user's PATH.
  isThere: () => isOnPath("nginx") || isExecutable("/usr/sbin/nginx"),
  debianPackage: "nginx",
  service: "nginx",
  ways: ["put nginx on PATH", "Debian, Ubuntu: apt-get install nginx, as root", "macOS: brew install nginx"],
};

const PYTHON_WEBSOCKETS = {
  name: "the websockets module of /usr/bin/python3",
  // That interpreter by its path: another Python ahead of it on PATH does not see Debian's modules.
  isThere: () => spawnSync("/usr/bin/python3", ["-c", "import websockets"], { stdio: "ignore" }).status === 0,
  debianPackage: "python3-websockets",
  ways: [
    "Debian, Ubuntu: apt-get install python3-websockets, as root",
    "elsewhere: /usr/bin/python3 -m pip install websockets",
  ],
};

const INTER = {
  name: "the font Inter",
  isThere: () => Boolean(spawnSync("fc-list", ["Inter", "family"], { encoding: "utf8" }).stdout?.trim()),
  debianPackage: "fonts-inter",
  ways: ["install it from https://rsms.me/inter/", "Debian, Ubuntu: apt-get install fonts-inter, as root"],
};

async function ensureTools(tools) {
  const missing = tools.filter((tool) => !tool.isThere());
  if (missing.length === 0) return;
  const canInstall = isOnPath("apt-get") && process.getuid?.() === 0;
  if (canInstall) await installDebianPackages(missing);
  const absent = missing.filter((tool) => !tool.isThere());
  if (absent.length === 0) return;
  const why = canInstall
    ? "Installing the Debian packages did not help."
    : isOnPath("apt-get")
      ? "Run as root, this command installs Debian's packages by itself; it is not root now."
      : "Where apt-get exists and the user is root, this command installs Debian's packages by itself; not so here.";
  const parts = absent.map((tool) => `Missing: ${tool.name}. Any one of these helps:\n  - ${tool.ways.join("\n  - ")}`);
  throw new SetupError(`${parts.join("\n\n")}\n\n${why}`);
}

async function installDebianPackages(tools) {
  const packages = tools.map((tool) => tool.debianPackage);
  say(`Installing Debian packages: ${packages.join(", ")}.`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // Another apt may be at work, as on a machine that has just booted.
  const apt = ["-q", "-o", "DPkg::Lock::Timeout=300"];
  const failure = `apt-get could not install ${packages.join(", ")}; the output above says why.`;
  const allowServicesAgain = forbidServiceStarts();
  try {
    await run("apt-get", [...apt, "update"], failure, environment);
    await run("apt-get", [...apt, "install", "-y", "--no-install-recommends", ...packages], failure, environment);
  } finally {
    allowServicesAgain();
  }
  const services = tools.flatMap((tool) => tool.service ?? []);
  if (services.length > 0 && existsSync("/run/systemd/system")) {
    // Only the programs are wanted: without this the next boot would start them on their default ports.
    say(`Keeping ${services.join(" and ")} from starting at boot.`);
    await run("systemctl", ["disable", "--quiet", ...services], `systemctl disable ${services.join(" ")} failed.`);
  }
}

const SERVICE_POLICY = "/usr/sbin/policy-rc.d";

/**
 * Keeps Debian's installation scripts from starting the services they bring, which would take the default ports.
 * Where the administrator has a policy, it stays as it is.
 */
function forbidServiceStarts() {
  const policy = `#!/bin/sh\n# Written by ${fileURLToPath(import.meta.url)} for the time of one apt-get install.\nexit 101\n`;
  // One left by a run that was killed is as good as new, and is removed this time.
  const isLeftover = existsSync(SERVICE_POLICY) && readFileSync(SERVICE_POLICY, "utf8") === policy;
  if (existsSync(SERVICE_POLICY) && !isLeftover) return () => {};
  writeFileSync(SERVICE_POLICY, policy, { mode: 0o755 });
  return () => rmSync(SERVICE_POLICY, { force: true });
}

/** Why the dependencies have to be installed, or null. Compared by content: times say little after a checkout. */
function dependenciesReason() {
  const installed = lockedPackages("node_modules/.package-lock.json");
  if (!installed) return "node_modules is missing or incomplete";
  const wanted = Object.entries(lockedPackages("package-lock.json") ?? {});
  const different = wanted.find(([path, entry]) => {
    const isRoot = path === "";
    // Optional packages are mostly those of other platforms.
    return !isRoot && !entry.optional && installed[path]?.version !== entry.version;
  });
  return different ? `${different[0]} is not the version package-lock.json asks for` : null;
}

function lockedPackages(path) {
  try {
    return JSON.parse(readFileSync(join(ROOT, path), "utf8")).packages;
  } catch {
    return null;
  }
}

/** What is compiled: file by file, or, where `bundle` names files, all of a folder into these. */
const BUILDS = [
  { sources: "src", output: "dist", except: ["src/elements", "src/dashboard"] },
  { sources: "src", output: "dist/browser", bundle: ["client.js", "client.css"], except: ["src/dashboard"] },
  { sources: "src", output: "dist/dashboard", bundle: ["index.html"], except: ["src/elements"] },
  { sources: "workers", output: "workers/build", except: ["workers/build"] },
];

/** Why a build is needed, or null. */
function buildReason() {
  const settings = readdirSync(ROOT)
    .filter((name) => name === "package.json" || /^tsconfig.*\.json$/.test(name))
    .concat("workers/tsconfig.json");
  const settingsTime = Math.max(...settings.map(modifiedAt));
  for (const { sources, output, except, bundle } of BUILDS) {
    for (const source of sourcesUnder(sources, except)) {
      const name = source.slice(sources.length + 1);
      // Stylesheets are only bundled.
      if (!bundle && name.endsWith(".css")) continue;
      for (const file of bundle ?? [name.replace(/ts$/, "js")]) {
        const compiled = join(output, file);
        const compiledTime = modifiedAt(compiled);
        if (compiledTime === 0) return `${compiled} is missing`;
        if (compiledTime < Math.max(settingsTime, modifiedAt(source))) return `${compiled} is older than its sources`;
      }
    }
  }
  return null;
}

function sourcesUnder(folder, except) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return except.includes(path) ? [] : sourcesUnder(path, except);
    return /\.([cm]?tsx?|css|html)$/.test(entry.name) && !/\.d\.[cm]?ts$/.test(entry.name) ? [path] : [];
  });
}

/** In milliseconds; 0 when there is no such file. */
function modifiedAt(path) {
  return statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function isOnPath(program) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => isExecutable(join(folder, program)));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Runs a program to its end with its output on stderr; a signal is handed on and then ends this process too. */
async function run(program, args, failure, env = process.env) {
  const child = spawn(program, args, { cwd: ROOT, env, stdio: ["ignore", 2, 2] });
  let received = null;
  const forward = (signal) => {
    received = signal;
    child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, forward);
  const { code, error } = await new Promise((resolve) => {
    child.once("error", (error) => resolve({ code: 1, error }));
    child.once("exit", (code) => resolve({ code }));
  });
  for (const signal of signals) process.off(signal, forward);
  if (received) throw new SetupError(`Stopped by ${received} while running ${program}.`);
  if (code !== 0) throw new SetupError(error ? `${failure} (${error.message})` : failure);
}
