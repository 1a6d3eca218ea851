import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Queue } from "bullmq";
import { beforeAll, expect, inject, onTestFinished, test } from "vitest";
import { uniquePrefix } from "../support/unique.ts";
import { Viewer } from "../support/viewer.ts";
import { addressOf, ROOT, runProgram } from "./support.ts";

/** Packing compiles, and installing goes over the network. */
const INSTALL_TIMEOUT_MS = 180_000;
const BIN = join(ROOT, "node_modules", ".bin");

/** The tarball made of a fresh copy of the sources, and a project that has installed it. */
let tarball: string;
let project: string;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "bullcast-package-"));
  const copy = join(folder, "source");
  project = join(folder, "project");
  // A copy, so that the build does not touch what other tests run, and holds nothing left over from an earlier one.
  await mkdir(copy);
  for (const entry of await readdir(ROOT)) {
    if (!["node_modules", "dist", "test", ".git"].includes(entry)) {
      await cp(join(ROOT, entry), join(copy, entry), { recursive: true });
    }
  }
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
  await finish("npm", ["pack", "--pack-destination", folder], copy);
  const [packed = ""] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
  tarball = join(folder, packed);

  const { devDependencies } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const dependencies = {
    bullcast: `file:${tarball}`,
    bullmq: devDependencies.bullmq,
    ioredis: devDependencies.ioredis,
    "@types/node": devDependencies["@types/node"],
  };
  await mkdir(project);
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "project", type: "module", dependencies }));
  await finish("npm", ["install", "--no-audit", "--no-fund"], project);
  return () => rm(folder, { recursive: true, force: true });
}, INSTALL_TIMEOUT_MS);

/** Runs a program to its end, which must be a good one; answers what it wrote on standard output. */
async function finish(program: string, args: string[], cwd: string): Promise<string> {
  try {
    return (await promisify(execFile)(program, args, { cwd })).stdout;
  } catch (cause) {
    const { stdout, stderr } = cause as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(" ")} failed:\n${stdout}\n${stderr}`, { cause });
  }
}

test("the tarball holds what runs and what is read, and nothing else", async () => {
  const list = (await finish("tar", ["-tzf", tarball], project)).trim().split("\n");
  const files = list.map((path) => path.replace(/^package\//, ""));
  expect(files).toEqual(
    expect.arrayContaining([
      "package.json",
      "LICENSE",
      "README.md",
      "CHANGELOG.md",
      "docs/GUARANTEES.md",
      "docs/PERFORMANCE.md",
      "docs/PROTOCOL.md",
      "docs/WIDGETS.md",
      "dist/browser/client.js",
      "dist/browser/client.css",
      "dist/dashboard/index.html",
    ]),
  );
  for (const end of ["js", "js.br", "js.gz", "css", "css.br", "css.gz"]) {
    expect(files).toContainEqual(expect.stringMatching(`^dist/dashboard/assets/dashboard-\\w+\\.${end}$`));
  }
  expect(files).toEqual(expect.arrayContaining(["dist/index.js", "dist/index.d.ts", "dist/cli/main.js"]));
  expect(
    files.filter((file) => !/^dist\/|^[^/]+$|^docs\/(GUARANTEES|PERFORMANCE|PROTOCOL|WIDGETS)\.md$/.test(file)),
  ).toEqual([]);
  expect(files.filter((file) => /test|\.env|(?<!\.d)\.ts$/.test(file))).toEqual([]);
});

test("the installed program says its version", async () => {
  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  expect(await finish("npx", ["--no-install", "bullcast", "--version"], project)).toBe(`${version}\n`);
});

test("the installed program shows a job", async () => {
  const prefix = uniquePrefix();
  const args = ["bullcast", "serve", "--redis", inject("redisUrl"), "--discover", "--prefix", prefix, "--port", "0"];
  const { origin, socketOrigin } = await addressOf(runProgram("npx", ["--no-install", ...args], { cwd: project }));
  const viewer = await Viewer.open(`${socketOrigin}/ws`);
  const queue = new Queue("emails", { prefix, connection: { url: inject("redisUrl") } });
  onTestFinished(() => queue.close());

  const { id } = await queue.add("welcome", {});

  expect((await viewer.next("task_added")).meta).toMatchObject({ queue: "emails", task_id: id, name: "welcome" });
  const page = await fetch(`${origin}/`);
  expect(page.url).toBe(`${origin}/ws/dashboard/`);
  const [asset = ""] = /assets\/[\w-]+\.js/.exec(await page.text()) ?? [];
  const script = await fetch(new URL(asset, page.url), { headers: { "accept-encoding": "br" } });
  expect([script.status, script.headers.get("content-encoding")]).toEqual([200, "br"]);
});

test("the installed library and the workers' side load and do their work", async () => {
  await writeFile(
    join(project, "run.js"),
    `import { AsyncWidget, createBridge, ConnectionManager, WebSocketNotifier, WebSocketMessage, InvalidSettingsError } from "bullcast";
     import { createJobLogger, withJobLogger } from "bullcast/worker";
     import { Queue, Worker, QueueEvents } from "bullmq";
     import { Redis } from "ioredis";
     const [url, prefix] = process.argv.slice(2);
     const connection = { url };
     const bridge = createBridge({ connection: url, prefix, queues: ["emails"] });
     await bridge.start();
     const worker = new Worker("emails", withJobLogger(async (job, logger) => { logger.info("at work"); return 1; }), { connection, prefix });
     const events = new QueueEvents("emails", { connection, prefix });
     const queue = new Queue("emails", { connection, prefix });
     await events.waitUntilReady();
     const job = await queue.add("welcome", {});
     const result = await job.waitUntilFinished(events);
     const redis = new Redis(url);
     const lines = await redis.xrange(prefix + ":emails:bullcast-logs", "-", "+");
     const { script } = bridge.browserFiles;
     console.log(JSON.stringify({ result, lines: lines.length, status: bridge.health().status, script: script.url,
       html: String(new AsyncWidget({ bridge, subwidgets: [() => "part"] }).render()).slice(0, 16),
       all: [ConnectionManager, WebSocketNotifier, WebSocketMessage, InvalidSettingsError, createJobLogger].every((it) => typeof it === "function") }));
     redis.disconnect(); await worker.close(); await events.close(); await queue.close(); await bridge.close();`,
  );
  // It ends by itself: nothing of the bridge may keep a process alive after close().
  const said = await finish(process.execPath, ["run.js", inject("redisUrl"), uniquePrefix()], project);
  const [line = ""] = said.split("\n").filter((text) => text.startsWith('{"result"'));
  expect(JSON.parse(line)).toEqual({
    result: 1,
    lines: 1,
    status: "healthy",
    script: "/ws/client.js",
    html: "<bullcast-widget",
    all: true,
  });
});

test("the types of the library and of the workers' side resolve, and are not any", async () => {
  await writeFile(
    join(project, "types.ts"),
    `import { createServer } from "node:http";
     import type { Bridge, BridgeOptions, Principal } from "bullcast";
     import { AsyncWidget, createBridge, html, InvalidSettingsError, TableWidget, TemplateWidget, WebSocketMessage } from "bullcast";
     import type { SafeHtml } from "bullcast";
     import type { LoggingProcessor } from "bullcast/worker";
     import { createJobLogger, withJobLogger } from "bullcast/worker";
     import { QueueEvents, Worker } from "bullmq";
     import type { Job } from "bullmq";
     import { Redis } from "ioredis";

     const options: BridgeOptions = { connection: "redis://127.0.0.1", queues: ["emails", new QueueEvents("images")] };
     const bridge: Bridge = createBridge({ ...options, connection: new Redis(), authenticate: (): Principal => ({ id: "ann" }) });
     const server = createServer(bridge.router);
     bridge.attach(server);
     const reached: number = bridge.notify(new WebSocketMessage({ type: "news" }), { clientId: "alice" });
     const processor: LoggingProcessor<Job<{ to: string }>, number> = async (job, logger) => {
       logger.info({ to: job.data.to }, "sending");
       createJobLogger(job).warn("done");
       return reached;
     };
     new Worker("emails", withJobLogger(processor), { connection: {} });
     const plain = withJobLogger(async (job, logger) => {
       logger.info({ to: job.data.to }, job.name);
       await job.updateProgress(50);
       return { sent: true };
     });
     new Worker("emails", plain, { connection: {} });
     const table = new TableWidget({
       title: "People",
       columns: [{ title: "Name", value: "name" }, { title: "Age", value: ({ age }) => age.toFixed() }],
       rows: async (signal: AbortSignal) => [{ name: signal.aborted ? "Ada" : "Bo", age: 7 }],
     });
     const template = new TemplateWidget({ data: async () => ({ count: 7 }), template: ({ count }) => html\`\${count.toFixed()}\` });
     const widget = new AsyncWidget({ bridge, subwidgets: [table, template, async (signal) => String(signal.aborted)] });
     export const rendered: SafeHtml = widget.render();
     // @ts-expect-error a row has no such field
     new TableWidget({ title: "People", columns: [{ title: "Name", value: "nam" }], rows: [{ name: "Ada" }] });
     // @ts-expect-error HTML is text or SafeHtml
     new AsyncWidget({ bridge, subwidgets: [() => 7] });
     // @ts-expect-error a connection is needed
     createBridge({});
     // @ts-expect-error there is no such option
     createBridge({ connection: "redis://127.0.0.1", qeues: [] });
     // @ts-expect-error a principal has an id
     createBridge({ connection: "redis://127.0.0.1", authenticate: () => ({ name: "ann" }) });
     // @ts-expect-error a job is needed
     createJobLogger(1);
     const code: "INVALID_SETTINGS" = new InvalidSettingsError([]).code;
     export { code };`,
  );
  const compilerOptions = {
    module: "nodenext",
    target: "es2022",
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: true,
    types: ["node"],
  };
  await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["types.ts"] }));
  expect(await finish(join(BIN, "tsc"), ["-p", "."], project)).toBe("");
});

test("the declarations need no types that an installation does not bring", async () => {
  const installed = join(project, "node_modules/bullcast/dist");
  const [pending, imported] = [["index.d.ts", "worker/index.d.ts"], new Set<string>()];
  // The list grows while it is gone through.
  for (const file of pending) {
    const text = await readFile(join(installed, file), "utf8");
    for (const [, name = ""] of text.matchAll(/(?:from|import\()\s*"([^"]+)"/g)) {
      const path = join(file, "..", name.replace(/\.[jt]s$/, ".d.ts"));
      if (!name.startsWith(".")) imported.add(name);
      else if (!pending.includes(path)) pending.push(path);
    }
  }

  expect(imported).toContain("zod");
  for (const name of [...imported].filter((name) => !name.startsWith("node:"))) {
    const { types, typings, exports } = JSON.parse(
      await readFile(join(project, "node_modules", name, "package.json"), "utf8"),
    );
    const isTyped = Boolean(types ?? typings) || JSON.stringify(exports ?? {}).includes('"types"');
    expect({ name, isTyped }).toEqual({ name, isTyped: true });
  }
});

test("publint finds nothing to complain about", async () => {
  const said = await finish(join(BIN, "publint"), ["run", tarball, "--strict"], project);
  expect(said).toContain("All good!");
});

test("the types are right for everybody who can load the package", async () => {
  await finish(join(BIN, "attw"), [tarball, "--profile", "esm-only"], project);
});
