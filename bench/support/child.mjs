import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const QUIT_MS = 3_000;

/** A process of the bench that answers commands with lines of JSON. Ends with this one, whatever happens. */
export class Child {
  #process;
  #name;
  #exited;
  #waiting = new Map();
  #early = new Map();
  #endedBecause = null;
  #guard = () => this.#process.kill("SIGKILL");

  constructor(name, program, args) {
    this.#name = name;
    const env = { ...process.env, NODE_ENV: "production" };
    this.#process = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"], env });
    this.#exited = new Promise((resolve) => {
      this.#process.once("exit", (code, signal) => resolve(`${name} ended (${signal ?? `exit code ${code}`})`));
      this.#process.once("error", (error) => resolve(`${name} did not start: ${error.message}`));
    });
    this.#exited.then((reason) => this.#gone(reason));
    // A process that is gone is told by its exit, not by its pipe.
    this.#process.stdin.on("error", () => {});
    createInterface({ input: this.#process.stdout }).on("line", (line) => this.#onLine(line));
    process.once("exit", this.#guard);
  }

  /** Gives a command, by default as JSON, and waits for its answer. */
  ask(command, { timeoutMs, line, ...options } = {}) {
    const answer = this.next(command, timeoutMs);
    this.#process.stdin.write(`${line ?? JSON.stringify({ command, ...options })}\n`);
    return answer;
  }

  /** The next line with this event. */
  next(event, timeoutMs = 30_000) {
    const early = this.#early.get(event);
    this.#early.delete(event);
    if (early) return Promise.resolve(early);
    if (this.#endedBecause) return Promise.reject(new Error(this.#endedBecause));
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`${this.#name}: no "${event}" within ${timeoutMs / 1000} s`));
      this.#waiting.set(event, { resolve, reject, timer: setTimeout(late, timeoutMs) });
    });
  }

  async stop() {
    this.#process.stdin.end();
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), QUIT_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  #onLine(line) {
    const answer = JSON.parse(line);
    const waiting = this.#waiting.get(answer.event);
    this.#waiting.delete(answer.event);
    clearTimeout(waiting?.timer);
    if (waiting) waiting.resolve(answer);
    else this.#early.set(answer.event, answer);
  }

  #gone(reason) {
    this.#endedBecause = reason;
    process.off("exit", this.#guard);
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new Error(reason));
    }
    this.#waiting.clear();
  }
}
