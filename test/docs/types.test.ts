import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { namedBlock, readDocument } from "./documents.ts";

const README = readDocument("README.md");
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What the strict compiler says of a program; nothing when it is content. */
async function complaintsAbout(code: string): Promise<string> {
  // Inside the package, so that it can be imported by its own name.
  const folder = await mkdtemp(fileURLToPath(new URL("./.run-", import.meta.url)));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "program.ts"), code);
  const compilerOptions = {
    module: "nodenext",
    target: "es2023",
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ["node"],
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.ts"] }));
  return promisify(execFile)(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder]).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => `${error.stdout}`,
  );
}

test.each(["bullmq", "bullmq5"])("the worker's program is strict TypeScript as it stands, with %s", async (name) => {
  const program = namedBlock(README, "worker.js").replace('"bullmq"', `"${name}"`);
  expect(program).toContain(`from "${name}"`);
  expect(await complaintsAbout(program)).toBe("");
});

test("the client's program is strict TypeScript as it stands", async () => {
  expect(await complaintsAbout(namedBlock(README, "client.js"))).toBe("");
});
