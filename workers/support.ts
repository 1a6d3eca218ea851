import { setTimeout as sleep } from "node:timers/promises";

/** Where the sample workers find Redis. */
export const redisUrl = process.env.REDIS_URL || "redis://127.0.0.1:6379";

/** What every sample hands to BullMQ. */
export const options = {
  connection: { url: redisUrl },
  prefix: process.env.BULLCAST_PREFIX || "bull",
};

/** The jobs of queue `images`. */
export interface ImageJob {
  file: string;
  width: number;
  height: number;
  /** The file turns out to be damaged, and the job fails. */
  isDamaged?: boolean;
  /** Milliseconds per step; default 500. */
  stepMs?: number;
}

/** The jobs of queue `emails`. */
export interface EmailJob {
  to: string;
  subject: string;
  /** How many attempts the mail server turns away; default 0. */
  failFirstAttempts?: number;
  /** The address does not exist: no attempt can succeed. */
  isUndeliverable?: boolean;
  /** Milliseconds per step; default 400. */
  stepMs?: number;
}

/** The jobs of queue `reports`. */
export interface ReportJob {
  title: string;
  rows: number;
  /** The data cannot be read, and the job fails. */
  isUnreadable?: boolean;
  /** Milliseconds per step; default 700. */
  stepMs?: number;
}

/** What `Worker` and `Queue` of BullMQ have in common here. */
interface BullMqPart {
  on(event: "error", listener: (error: Error) => void): unknown;
  getBackend(): { on(event: "ready", listener: () => void): unknown };
  close(): Promise<void>;
}

/** BullMQ waits for running jobs, and for ever for a Redis that is gone; a process manager does not. */
const CLOSE_TIMEOUT_MS = 2000;

/** Says when Redis goes and comes, once each, and ends the process in order when asked to. */
export function supervise(name: string, parts: readonly BullMqPart[], beforeClose: () => void = () => {}): void {
  let isReachable: boolean | undefined;
  for (const part of parts) {
    part.on("error", (error) => {
      if (!isConnectionError(error)) return console.error(`${name}: ${error.message}`);
      if (isReachable !== false)
        console.error(`${name}: cannot reach Redis at ${shownUrl()} (${codeOf(error)}); retrying`);
      isReachable = false;
    });
    part.getBackend().on("ready", () => {
      if (isReachable === false) console.log(`${name}: reached Redis at ${shownUrl()} again`);
      isReachable = true;
    });
  }
  let isStopping = false;
  const stop = async (reason: string): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    console.log(`${name}: stopping (${reason})`);
    beforeClose();
    const closed = Promise.allSettled(parts.map((part) => part.close()));
    await Promise.race([closed, sleep(CLOSE_TIMEOUT_MS)]);
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(signal));
  // Fires only where a parent opened an IPC channel: the parent is gone, so nobody would stop this process later.
  process.on("disconnect", () => void stop("parent is gone"));
}

/** The URL without its password. */
export function shownUrl(): string {
  return redisUrl.replace(/\/\/.*@/, "//***@").replace(/\?.*/, "");
}

function isConnectionError(error: Error): boolean {
  return "syscall" in error || /ECONN|closed|ENOTFOUND|ETIMEDOUT/.test(`${codeOf(error)} ${error.message}`);
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : error.message;
}
