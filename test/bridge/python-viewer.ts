import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { ReceivedMessage } from "../support/viewer.ts";
import type { Watching } from "./support.ts";

const FIXTURE = fileURLToPath(new URL("../fixtures/viewer.py", import.meta.url));
const PATIENCE_MS = 15_000;

/** A client in a process of its own, written in Python with Debian's `websockets`. */
export class PythonViewer implements Watching {
  readonly messages: ReceivedMessage[] = [];
  readonly process: ChildProcess;
  /** The close code its library saw; null when the process ended without one. */
  readonly closed: Promise<number | null>;
  readonly #waiting = new Set<() => void>();

  constructor(url: string) {
    const child = spawn("/usr/bin/python3", [FIXTURE, url], { stdio: ["ignore", "pipe", "pipe"] });
    this.process = child;
    let errors = "";
    child.stderr.on("data", (chunk) => {
      errors += chunk;
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.messages.push(JSON.parse(line) as ReceivedMessage);
      for (const check of [...this.#waiting]) check();
    });
    this.closed = new Promise((resolve) => {
      child.once("close", () => {
        const code = /^closed (\d+)$/m.exec(errors)?.[1];
        if (code === undefined && !child.killed) console.error(errors);
        resolve(code === undefined ? null : Number(code));
      });
    });
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await this.closed;
    });
  }

  /** Connects and waits until it is subscribed. */
  static async open(url: string): Promise<PythonViewer> {
    const viewer = new PythonViewer(url);
    await viewer.until(() => viewer.messages.some(({ type }) => type === "subscribed"), "never subscribed");
    return viewer;
  }

  until(holds: () => boolean, complaint = "the condition never held"): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (!holds()) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        const types = this.messages.map(({ type }) => type).join(", ");
        reject(new Error(`${complaint}; received ${types}`));
      }, PATIENCE_MS);
      this.#waiting.add(check);
      check();
    });
  }
}
