import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inject, onTestFinished } from "vitest";
import { namedBlock } from "./documents.ts";

export interface RunOptions {
  port?: number;
  /** The rest of the file. */
  more?: string;
  url?: string;
  /** Other blocks of the document, which lie beside the program. */
  beside?: string[];
  /** Changes the program before it is run. */
  edit?: (program: string) => string;
}

/** Runs a program of a document as it stands there, with the rest of a file around it if given. It ends with the test. */
export function runProgram(
  document: string,
  name: string,
  { port = 0, more = "", url = "", beside = [], edit = (program) => program }: RunOptions = {},
): ChildProcess {
  // Inside the package, so that it can be imported by its own name.
  const folder = mkdtempSync(fileURLToPath(new URL("./.run-", import.meta.url)));
  const file = join(folder, name);
  writeFileSync(file, `${edit(namedBlock(document, name))}\n${more}`);
  for (const other of beside) writeFileSync(join(folder, other), namedBlock(document, other));
  const child = fork(file, [], {
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: {
      ...process.env,
      REDIS_URL: inject("redisUrl"),
      PORT: String(port),
      BULLCAST_ADMIN_TOKEN: "secret",
      BULLCAST_URL: url,
    },
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });
  return child;
}
