import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { say } from "../../scripts/setup.mjs";
import { Child } from "./child.mjs";

const SOURCES = fileURLToPath(new URL("../load/native/", import.meta.url));
const BUILD = fileURLToPath(new URL("../.build/", import.meta.url));
const BINARY = `${BUILD}viewers`;
const SCRIPT = fileURLToPath(new URL("../load/viewers.mjs", import.meta.url));

const CONNECT_MS = 60_000;
/** What a process has open besides its connections, and more. */
const OTHER_FILES = 100;

/** How viewers are started: compiled from C where that is possible, as they share the machine with what is measured. */
export function prepareLoadClient() {
  if (process.env.BENCH_CLIENT !== "node" && (isCompiled() || compile())) return { kind: "C", command: [BINARY] };
  return { kind: "Node", command: [process.execPath, SCRIPT] };
}

/** Viewers of one server. Resolves when all are connected, and fails when one cannot be. */
export async function connectViewers({ command }, { port, count, args = [] }) {
  const limit = openFilesLimit();
  const needed = count + OTHER_FILES;
  if (limit < needed)
    throw new Error(`${count} viewers take ${needed} open files of a process, of which ulimit -Hn allows ${limit}`);
  const [program, ...first] = command;
  const child = new Child("viewers", program, [...first, "--port", String(port), "--count", String(count), ...args]);
  const { failed } = await child.next("connected", CONNECT_MS);
  const viewers = new Viewers(child);
  if (failed === 0) return viewers;
  await viewers.stop();
  throw new Error(`${failed} of ${count} viewers could not connect`);
}

/** What is wrong with viewers whatever they watch, or null. */
export function viewersProblem({ closed, closeCodes, latency }) {
  if (closed > 0) return `${closed} viewers were closed (${JSON.stringify(closeCodes)})`;
  if (latency.early > latency.count / 100) return `${latency.early} messages came before they were sent: clocks differ`;
  return null;
}

class Viewers {
  #child;

  constructor(child) {
    this.#child = child;
  }

  stats() {
    return this.#child.ask("stats", { line: "stats" });
  }

  reset() {
    return this.#child.ask("reset", { line: "reset" });
  }

  /** Waits until all viewers together have got so many messages, or ends of jobs, since the last reset. */
  waitFor(kind, count, timeoutMs) {
    const command = kind === "ends" ? "wait-ends" : "wait";
    return this.#child.ask(command, { line: `${command} ${count} ${timeoutMs}`, timeoutMs: timeoutMs + 30_000 });
  }

  /** So many stop reading. */
  stall(count) {
    return this.#child.ask("stall", { line: `stall ${count}` });
  }

  /** All read again. */
  resume() {
    return this.#child.ask("resume", { line: "resume" });
  }

  stop() {
    return this.#child.stop();
  }
}

/** The hard limit: servers and viewers raise theirs to it by themselves. */
function openFilesLimit() {
  const { stdout } = spawnSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" });
  const limit = Number.parseInt(stdout, 10);
  return Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit;
}

function isCompiled() {
  const sources = readdirSync(SOURCES).map((name) => modifiedAt(SOURCES + name));
  return modifiedAt(BINARY) > Math.max(...sources);
}

function compile() {
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith(".c"));
  mkdirSync(BUILD, { recursive: true });
  const args = ["-O3", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-o", BINARY, ...sources];
  const { status } = spawnSync("gcc", args, { cwd: SOURCES, stdio: ["ignore", 2, 2] });
  if (status === 0) return true;
  say("The viewers could not be compiled with gcc: their slower form in Node takes its place.");
  return false;
}

/** In milliseconds; 0 when there is no such file. */
function modifiedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
