import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { beforeAll, expect, inject, test } from "vitest";
import { openQueue } from "../bridge/support.ts";
import { launchBrowser } from "../support/browser.ts";
import { uniquePrefix } from "../support/unique.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { startApplication } from "./support/application.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = `<!doctype html><meta charset="utf-8"><script type="module">
  import { BullcastClient, JobStore } from "/built/client/index.js";
  const client = new BullcastClient({ url: "/ws", clientId: "tab", reconnect: { minDelayMs: 1, maxDelayMs: 20 } });
  const store = new JobStore(client);
  window.told = { states: [], cursors: [] };
  client.on("state", (state) => window.told.states.push(state));
  client.on("message", ({ type, meta }) => { if (meta.cursor) window.told.cursors.push(type + meta.cursor); });
  client.on("subscribed", () => { document.body.dataset.subscribed = Number(document.body.dataset.subscribed ?? 0) + 1; });
  window.client = client;
  window.store = store;
  client.connect();
</script><body>jobs</body>`;

/** Where the client has been compiled to. */
let built: string;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "bullcast-client-"));
  built = join(folder, "built");
  const project = {
    extends: join(ROOT, "tsconfig.build.json"),
    compilerOptions: { rootDir: join(ROOT, "src"), outDir: built, typeRoots: [join(ROOT, "node_modules/@types")] },
    include: [join(ROOT, "src/client")],
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(project));
  await promisify(execFile)(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder]);
  return () => rm(folder, { recursive: true, force: true });
});

/** The files that a module loads, itself included, and what it loads from elsewhere. */
async function importsOf(entry: string, ending: string): Promise<{ files: string[]; foreign: string[] }> {
  const files = [entry];
  const foreign: string[] = [];
  // The list grows while it is gone through.
  for (const file of files) {
    const text = await readFile(join(built, file), "utf8");
    for (const [statement] of text.matchAll(
      /^(?:import|export|\}).* from "[^"]+"|^import "[^"]+"|import\("[^"]+"\)/gm,
    )) {
      const [, name = ""] = /"([^"]+)"\)?$/.exec(statement) ?? [];
      const path = join(file, "..", name).replace(/\.[jt]s$/, ending);
      if (!name.startsWith(".")) foreign.push(name);
      else if (!files.includes(path)) files.push(path);
    }
  }
  return { files, foreign };
}

test("the built client loads nothing but itself and three files of the protocol", async () => {
  const { files, foreign } = await importsOf("client/index.js", ".js");
  expect(foreign).toEqual([]);
  expect(files.filter((file) => !file.startsWith("client/")).sort()).toEqual([
    "protocol/close-code.js",
    "protocol/message.js",
    "protocol/topic.js",
  ]);
});

test("its declarations need no types from elsewhere and tell nothing internal", async () => {
  const { files, foreign } = await importsOf("client/index.d.ts", ".d.ts");
  expect(foreign).toEqual([]);
  for (const file of files) expect(await readFile(join(built, file), "utf8")).not.toMatch(/NodeJS|reference types/);
  expect(await readFile(join(built, "client/bullcast-client.d.ts"), "utf8")).not.toMatch(/random\?:|clock\?:/);
});

test("its declarations suit both the browser's WebSocket and that of ws", async () => {
  const folder = join(built, "..", "user");
  const source = `import { BullcastClient, JobStore } from "../built/client/index.js";
    import type { JobView } from "../built/client/index.js";
    import WS, { WebSocket as WS2 } from ${JSON.stringify(join(ROOT, "node_modules/ws/wrapper.mjs"))};
    const client = new BullcastClient({ url: "/ws", WebSocket: globalThis.WebSocket });
    new BullcastClient({ url: "/ws", WebSocket: WS });
    new BullcastClient({ url: "/ws", WebSocket: WS2 });
    const stop: () => void = client.on("gap", ({ content }) => content.missed?.toFixed());
    client.on("state", (state) => { const known: "idle" | "connecting" | "open" | "waiting" | "closed" = state; return known; });
    client.on("error", ({ closeCode }) => closeCode?.toFixed());
    client.on("message", ({ type, content, meta }) => [type.length, content, meta.cursor]);
    client.on("news", ({ content }) => { const unknown: unknown = content; return unknown; });
    const watch = client.watchJob("a", "1", (job: JobView) => job.logs.length);
    const ended: Promise<JobView> = watch.ended;
    new JobStore(client, { maxJobs: 5 }).onChange(({ job }) => job.state);
    // @ts-expect-error a URL is needed
    new BullcastClient({});
    // @ts-expect-error there is no such option
    new BullcastClient({ url: "/ws", topic: "*" });
    // @ts-expect-error the content of a gap is no string
    client.on("gap", ({ content }) => content.length);
    export { ended, stop };`;
  const compilerOptions = {
    module: "nodenext",
    target: "es2023",
    lib: ["es2023", "dom"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    types: ["node", "ws"],
    typeRoots: [join(ROOT, "node_modules/@types")],
    paths: { [join(ROOT, "node_modules/ws/wrapper.mjs")]: [join(ROOT, "node_modules/@types/ws/index.d.mts")] },
  };
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), '{"type":"module"}');
  await writeFile(join(built, "package.json"), '{"type":"module"}');
  await writeFile(join(folder, "user.ts"), source);
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["user.ts"] }));
  const said = await promisify(execFile)(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder]).catch(
    ({ stdout }: { stdout: string }) => ({ stdout }),
  );
  expect(said.stdout).toBe("");
});

test("in a browser it shows a job, comes back after a restart of the bridge, and doubles nothing", async () => {
  const prefix = uniquePrefix();
  const options = { prefix, queues: ["videos"], heartbeatInterval: 0.5, heartbeatTimeout: 1 };
  const page = async (path: string) =>
    path === "/"
      ? { type: "text/html", body: PAGE }
      : {
          type: extname(path) === ".js" ? "text/javascript" : "text/plain",
          body: await readFile(join(built, path.replace("/built", ""))),
        };
  const [former] = await Promise.all([
    startApplication(options, { page }),
    startStockWorker({ queue: "videos", prefix, redisUrl: inject("redisUrl") }),
  ]);
  const tab = await (await launchBrowser()).newPage();
  const complaints: string[] = [];
  tab.on("pageerror", (error) => complaints.push(error.message));
  await tab.goto(former.origin);
  await tab.waitForSelector('body[data-subscribed="1"]');
  const queue = openQueue("videos", prefix);

  const first = await queue.add("encode", { progress: [25, 75], result: 1 });
  await completed(tab, String(first.id));

  await former.close();
  await tab.waitForFunction("window.told.states.includes('waiting')");
  await startApplication(options, { page, port: former.port });
  await tab.waitForSelector('body[data-subscribed="2"]');
  const second = await queue.add("encode", { progress: [50], result: 2 });
  await completed(tab, String(second.id));

  // More pings than a silent client could outlive.
  await tab.evaluate(
    "new Promise((resolve) => { let pings = 0; window.client.on('ping', () => { pings += 1; if (pings === 4) resolve(); }); })",
  );
  const told = (await tab.evaluate("window.told")) as { states: string[]; cursors: string[] };
  expect(new Set(told.cursors).size).toBe(told.cursors.length);
  expect(told.states.at(-1)).toBe("open");
  expect(complaints).toEqual([]);
});

async function completed(tab: Page, id: string): Promise<void> {
  await tab.waitForFunction(`window.store.get("videos", ${JSON.stringify(id)})?.state === "completed"`);
}
