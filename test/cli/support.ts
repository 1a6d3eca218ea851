import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** The repository's top folder. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const PATIENCE_MS = 15_000;

export interface RunningProgram {
  child: ChildProcess;
  /** What it has written so far. */
  output: { stdout: string; stderr: string };
  /** Its exit code, or the name of the signal that ended it. */
  exit: Promise<number | NodeJS.Signals | null>;
  /** Waits until what it wrote on standard output matches. */
  says(wanted: RegExp): Promise<RegExpExecArray>;
}

export interface RunOptions {
  /** Variables beside PATH and HOME; nothing else is passed on. */
  env?: Record<string, string>;
  cwd?: string;
}

/** Runs the built command line. It is killed with the test if it still runs. */
export function runBullcast(args: string[], options: RunOptions = {}): RunningProgram {
  return runProgram(process.execPath, [MAIN, ...args], options);
}

/** Runs a program in a process group of its own, which is killed with the test. */
export function runProgram(program: string, args: string[], { env = {}, cwd = ROOT }: RunOptions = {}): RunningProgram {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(program, args, {
    cwd,
    env: { PATH, HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const output = { stdout: "", stderr: "" };
  const checks = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (chunk) => {
      output[name] += chunk;
      for (const check of [...checks]) check();
    });
  }
  // "close" comes after the last output, "exit" may come before.
  const exit = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      resolve(code ?? signal);
      for (const check of [...checks]) check();
    });
  });
  exit.catch(() => undefined);
  onTestFinished(async () => {
    endGroup(child);
    await exit.catch(() => undefined);
  });
  const says = (wanted: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const finish = (match: RegExpExecArray | null, complaint = "") => {
        clearTimeout(timer);
        checks.delete(check);
        if (match) resolve(match);
        else reject(new Error(`${complaint} ${wanted}; it wrote:\n${output.stdout}\n${output.stderr}`));
      };
      const check = () => {
        const match = wanted.exec(output.stdout);
        if (match) finish(match);
        else if (child.exitCode !== null || child.signalCode !== null) finish(null, "the program ended without saying");
      };
      const timer = setTimeout(() => finish(null, "the program did not say"), PATIENCE_MS);
      checks.add(check);
      check();
    });
  return { child, output, exit, says };
}

/** Ends a program that has a process group of its own, and what it started. */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody of the group is left.
  }
}

/** Waits until a server of the command line listens; answers its address. */
export async function addressOf(program: RunningProgram): Promise<{ origin: string; socketOrigin: string }> {
  const [, origin = ""] = await program.says(/bullcast shows jobs at (http:\/\/[^/"]+)\//);
  await program.says(/"msg":"(watching|started, but not reading yet[^"]*)"/);
  return { origin, socketOrigin: origin.replace("http", "ws") };
}
