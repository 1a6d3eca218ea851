import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { Queue } from "bullmq";
import { expect, inject, onTestFinished, test } from "vitest";
import { freePort, startPrivateRedis } from "../../scripts/private-redis.mjs";
import { uniquePrefix } from "../support/unique.ts";
import { Viewer } from "../support/viewer.ts";
import { addressOf, runBullcast } from "./support.ts";

/** How long an end may take, ms: what is promised. */
const ENDED_WITHIN_MS = 5000;

function makeQueue(name: string, prefix: string, url = inject("redisUrl")): Queue {
  const queue = new Queue(name, { prefix, connection: { url } });
  onTestFinished(() => queue.close());
  // A Redis that a test kills is no fault here.
  queue.on("error", () => undefined);
  return queue;
}

/** Starts a server on a free port that reads the shared Redis. */
async function serve(args: string[], env: Record<string, string> = {}) {
  const program = runBullcast(["serve", "--port", "0", ...args], { env: { REDIS_URL: inject("redisUrl"), ...env } });
  return { ...program, ...(await addressOf(program)) };
}

test.each([["--help"], ["-h"], ["serve --help"], [""]])(
  "`bullcast %s` explains the command line and its variables",
  async (args) => {
    const { exit, output } = runBullcast(args.split(" ").filter(Boolean));
    expect(await exit).toBe(0);
    expect(output.stderr).toBe("");
    expect(output.stdout).toContain("bullcast serve --redis URL (--queue NAME... | --discover)");
    for (const word of ["--queue NAME", "--admin-token TOKEN", "BULLCAST_PREFIX", "3939", "Exit codes"]) {
      expect(output.stdout).toContain(word);
    }
  },
);

test.each(["--version", "-v"])("`bullcast %s` says the version and nothing else", async (flag) => {
  const { default: manifest } = await import("../../package.json", { with: { type: "json" } });
  const { exit, output } = runBullcast([flag]);
  expect(await exit).toBe(0);
  expect(output).toEqual({ stdout: `${manifest.version}\n`, stderr: "" });
});

test.each([
  ["an unknown flag", ["serve", "--quue", "emails"], /--quue/],
  ["an unknown command", ["start"], /"start".*"serve"/],
  ["a queue without its flag", ["serve", "emails"], /"emails".*--queue/],
  ["a flag without its value", ["serve", "--port"], /--port/],
  ["a value for a flag that takes none", ["serve", "--discover=yes"], /--discover/],
])("%s is refused with exit code 2 and a text that names it", async (_, args, text) => {
  const { exit, output } = runBullcast(args);
  expect(await exit).toBe(2);
  expect(output.stdout).toBe("");
  expect(output.stderr).toMatch(/^bullcast: /);
  expect(output.stderr).toMatch(text);
  expect(output.stderr).toContain("bullcast --help");
  expect(output.stderr).not.toMatch(/^ {4}at /m);
});

test("with neither --queue nor --discover it exits with 2 and lists the queues there are", async () => {
  const prefix = uniquePrefix();
  for (const name of ["emails", "images"]) await makeQueue(name, prefix).add("job", {});
  await makeQueue("elsewhere", uniquePrefix()).add("job", {});

  const { exit, output } = runBullcast(["serve", "--redis", inject("redisUrl"), "--prefix", prefix]);

  expect(await exit).toBe(2);
  expect(output.stderr).toContain(`prefix "${prefix}"`);
  expect(output.stderr.match(/--queue \w+$/gm)).toEqual(["--queue emails", "--queue images"]);
  expect(output.stderr).toContain("--discover");
});

test("with neither, and no queue there, it says so", async () => {
  const { exit, output } = runBullcast(["serve", "--redis", inject("redisUrl"), "--prefix", uniquePrefix()]);
  expect(await exit).toBe(2);
  expect(output.stderr).toContain("no queues found");
});

test("with neither, and no Redis there, it exits with 2 and says why none are listed", async () => {
  const { exit, output } = runBullcast(["serve", "--redis", `redis://ann:hunter2@127.0.0.1:${await freePort()}`]);
  expect(await exit).toBe(2);
  expect(output.stderr).toContain("ECONNREFUSED");
  expect(output.stderr).not.toContain("hunter2");
});

test("with neither, and a Redis that hangs, it still exits with 2", async () => {
  const redis = await startPrivateRedis();
  onTestFinished(() => redis.stop());
  process.kill(redis.pid, "SIGSTOP");
  const { exit, output } = runBullcast(["serve", "--redis", redis.url]);
  expect(await exit).toBe(2);
  expect(output.stderr).toContain("could not be listed");
});

test("several settings that cannot be used are all listed at once, with what was expected and given", async () => {
  const env = {
    BULLCAST_HEARTBEAT_INTERVAL: "60",
    BULLCAST_HEARTBEAT_TIMEOUT: "30",
    BULLCAST_MAX_QUEUE_SIZE: "many",
    BULLCAST_ALLOWED_ORIGINS: "https://app.example.com/path",
    BULLCAST_CLUSTER: "true",
    BULLCAST_ADMIN_TOKEN: "with a space",
  };
  const args = ["--redis", "http://ann:hunter2@127.0.0.1", "--port", "70000", "--queue", "a:b", "--base-path", "ws/"];

  const { exit, output } = runBullcast(["serve", ...args, "--log-level", "loud"], { env });

  expect(await exit).toBe(2);
  const lines = output.stderr.split("\n").filter((line) => line.startsWith("  "));
  for (const line of lines) expect(line).toMatch(/^ {2}\w+.*: expected .+; given .+$/);
  const named = lines.map((line) => /^ {2}(\w+)(?: \((\w+)\))?:/.exec(line)?.slice(1));
  expect(named).toEqual(
    expect.arrayContaining([
      ["connection", "REDIS_URL"],
      ["queues", "BULLCAST_QUEUES"],
      ["basePath", "BULLCAST_BASE_PATH"],
      ["port", "PORT"],
      ["logLevel", "LOG_LEVEL"],
      ["adminToken", "BULLCAST_ADMIN_TOKEN"],
      ["maxQueueSize", "BULLCAST_MAX_QUEUE_SIZE"],
      ["allowedOrigins", "BULLCAST_ALLOWED_ORIGINS"],
      ["heartbeatTimeout", "BULLCAST_HEARTBEAT_TIMEOUT"],
      ["cluster", undefined],
    ]),
  );
  expect(named).toHaveLength(10);
  expect(output.stderr).toContain("10 settings cannot be used");
  expect(output.stderr).toContain("given 70000");
  expect(output.stderr).not.toContain("hunter2");
  expect(output.stderr).not.toContain("with a space");
});

test.each([
  ["of another protocol", { REDIS_URL: "http://ann:hunter2@127.0.0.1" }],
  ["without a protocol", { REDIS_URL: "ann:hunter2@127.0.0.1:6379" }],
  ["of a protocol with a plus", { REDIS_URL: "redis+tls://ann:hunter2@127.0.0.1" }],
  ["with the password as a parameter", { REDIS_URL: "http://127.0.0.1/?password=hunter2" }],
  ["in a variable with a typing error", { BULLCAST_ADMINTOKEN: "hunter2" }],
  ["in a variable of another version", { BULLCAST_JWT_SECRET: "hunter2" }],
])("no refusal shows a secret: %s", async (_, env) => {
  const { exit, output } = runBullcast(["serve", "--queue", "emails"], { env });
  expect(await exit).toBe(2);
  expect(output.stderr).toContain(Object.keys(env)[0]);
  expect(output.stderr).not.toContain("hunter2");
});

test("the password of the Redis URL is not logged", async () => {
  const redis = await startPrivateRedis();
  onTestFinished(() => redis.stop());
  for (const url of [redis.url.replace("//", "//:hunter2@"), `${redis.url}?password=hunter2`]) {
    const program = runBullcast(["serve", "--port", "0", "--queue", "emails", "--redis", url, "--log-level", "trace"]);
    await addressOf(program);
    program.child.kill("SIGTERM");
    await program.exit;
    expect(program.output.stdout).toContain("127.0.0.1");
    expect(program.output.stdout + program.output.stderr).not.toContain("hunter2");
  }
});

test("an unknown BULLCAST_ variable is a typing error, and stops the start", async () => {
  const { exit, output } = runBullcast(["serve", "--queue", "emails"], { env: { BULLCAST_QUEUE: "emails" } });
  expect(await exit).toBe(2);
  expect(output.stderr).toMatch(/BULLCAST_QUEUE: expected nothing: there is no such setting/);
});

test("a port in use is said clearly, with exit code 1", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as AddressInfo;

  const { exit, output } = runBullcast(["serve", "--redis", inject("redisUrl"), "--queue", "a", "--port", `${port}`]);

  expect(await exit).toBe(1);
  expect(output.stderr).toMatch(new RegExp(`port ${port} of 127\\.0\\.0\\.1 is in use.*--port`));
  expect(output.stderr).not.toMatch(/^ {4}at /m);
});

test("an address that is not this machine's is said clearly, with exit code 1", async () => {
  const args = ["--redis", inject("redisUrl"), "--queue", "a", "--port", "0", "--host", "203.0.113.1"];
  const { exit, output } = runBullcast(["serve", ...args]);
  expect(await exit).toBe(1);
  expect(output.stderr).toContain("203.0.113.1");
  expect(output.stderr).not.toMatch(/^ {4}at /m);
});

test("its address leads to the dashboard, also behind a proxy that puts it below another path", async () => {
  const { origin } = await serve(["--queue", "emails", "--base-path", "/live/view"]);

  for (const method of ["GET", "HEAD"]) {
    const response = await fetch(`${origin}/?from=somewhere`, { method, redirect: "manual" });
    expect([response.status, response.headers.get("location")]).toEqual([302, "live/view/dashboard/"]);
    expect(response.headers.get("cache-control")).toBe("no-store");
  }
  const page = await fetch(`${origin}/`);
  expect(page.url).toBe(`${origin}/live/view/dashboard/`);
  expect(page.headers.get("content-security-policy")).toContain("script-src 'self';");
  expect(await page.text()).toMatch(/^<!doctype html>/);
});

test("it serves REST and sockets, and 404 elsewhere", async () => {
  const prefix = uniquePrefix();
  const { origin, socketOrigin } = await serve(["--queue", "emails", "--queue", "images", "--prefix", prefix]);
  const viewer = await Viewer.open(`${socketOrigin}/ws/alice`);

  const { id } = await makeQueue("images", prefix).add("resize", {});

  expect((await viewer.next("task_added")).meta).toMatchObject({ queue: "images", task_id: id, name: "resize" });
  expect(await (await fetch(`${origin}/ws/clients`)).json()).toMatchObject({
    total: 1,
    clients: [{ client_id: "alice" }],
  });
  expect(await (await fetch(`${origin}/ws/health`)).json()).toMatchObject({ status: "healthy" });
  for (const path of ["/other", "/index.html", "/..%2fpackage.json"]) {
    const response = await fetch(origin + path);
    expect([response.status, response.headers.get("content-type")]).toEqual([
      404,
      "application/problem+json; charset=utf-8",
    ]);
  }
  expect((await fetch(`${origin}/`, { method: "POST" })).status).toBe(404);
  expect((await Viewer.refusal(`${socketOrigin}/other`)).status).toBe(404);
});

test("the admin token closes REST and names who has it", async () => {
  const { origin, socketOrigin } = await serve(["--queue", "emails", "--admin-token", "right"]);
  expect((await fetch(`${origin}/ws/stats`)).status).toBe(401);
  await Viewer.open(`${socketOrigin}/ws/alice?token=right`);
  const response = await fetch(`${origin}/ws/clients`, { headers: { authorization: "Bearer right" } });
  expect(await response.json()).toMatchObject({ clients: [{ principal: expect.stringContaining("admin") }] });
});

test("--insecure is warned of", async () => {
  const { says } = await serve(["--queue", "emails", "--insecure"]);
  expect((await says(/"level":40.*insecure.*/))[0]).toContain("everybody");
});

test("everything can be set by variables", async () => {
  const prefix = uniquePrefix();
  const port = await freePort();
  const env = {
    REDIS_URL: inject("redisUrl"),
    HOST: "localhost",
    PORT: `${port}`,
    BULLCAST_QUEUES: "emails, images",
    BULLCAST_PREFIX: prefix,
    BULLCAST_BASE_PATH: "/live",
    BULLCAST_ADMIN_TOKEN: "right",
    BULLCAST_ALLOWED_ORIGINS: "https://app.example.com",
    BULLCAST_HEARTBEAT_INTERVAL: "0.5",
    BULLCAST_HEARTBEAT_TIMEOUT: "7.5",
    BULLCAST_ENABLE_HEARTBEAT: "yes",
    BULLCAST_TRUST_PROXY: "false",
    BULLCAST_LOG_CHANNELS: "",
    LOG_LEVEL: "info",
  };
  const program = runBullcast(["serve"], { env });
  const { origin } = await addressOf(program);

  expect(origin).toBe(`http://localhost:${port}`);
  const viewer = await Viewer.open(`ws://localhost:${port}/live?token=right`, { origin: "https://app.example.com" });
  expect((await viewer.next("connected")).content).toMatchObject({ heartbeat_interval: 0.5, heartbeat_timeout: 7.5 });
  await viewer.next("ping");
  await makeQueue("images", prefix).add("resize", {});
  await viewer.next("task_added");
});

test("flags win over variables", async () => {
  const prefix = uniquePrefix();
  const env = {
    REDIS_URL: "redis://127.0.0.1:1",
    PORT: "1",
    BULLCAST_QUEUES: "other",
    BULLCAST_PREFIX: "other",
    BULLCAST_BASE_PATH: "/other",
    LOG_LEVEL: "silent",
  };
  const flags = ["--redis", inject("redisUrl"), "--queue", "emails", "--prefix", prefix, "--base-path", "/ws"];
  const { origin, socketOrigin } = await serve([...flags, "--log-level", "info"], env);
  const viewer = await Viewer.open(`${socketOrigin}/ws`);
  await makeQueue("emails", prefix).add("welcome", {});
  expect((await viewer.next("task_added")).meta.queue).toBe("emails");
  const stats = (await (await fetch(`${origin}/ws/stats`)).json()) as { sources: { queue: string }[] };
  expect(new Set(stats.sources.flatMap(({ queue }) => queue ?? []))).toEqual(new Set(["emails"]));
});

test("--discover shows the queues there are, and one created later", async () => {
  const prefix = uniquePrefix();
  await makeQueue("early", prefix).add("job", {});
  const { socketOrigin } = await serve(["--discover", "--prefix", prefix]);
  const viewer = await Viewer.open(`${socketOrigin}/ws`);

  await makeQueue("early", prefix).add("early job", {});
  await viewer.next(({ type, meta }) => type === "task_added" && meta.name === "early job");
  await makeQueue("late", prefix).add("late job", {});

  const added = await viewer.next(({ type, meta }) => type === "task_added" && meta.queue === "late");
  expect(added.meta.name).toBe("late job");
});

test("it starts before Redis, says so, and shows jobs once Redis is there", async () => {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const program = runBullcast(["serve", "--port", "0", "--queue", "emails", "--redis", url]);
  const { origin, socketOrigin } = await addressOf(program);
  await program.says(/started, but not reading yet/);
  expect((await fetch(`${origin}/ws/health`)).status).toBe(503);

  const redis = await startPrivateRedis({ port });
  onTestFinished(() => redis.stop());
  await expect.poll(async () => (await fetch(`${origin}/ws/health`)).status, { timeout: 10_000 }).toBe(200);

  const viewer = await Viewer.open(`${socketOrigin}/ws`);
  await makeQueue("emails", "bull", url).add("welcome", {});
  await viewer.next("task_added");
});

const TROUBLES: [state: string, trouble: (redis: { pid: number; stop(): Promise<void> }) => unknown][] = [
  ["answers", () => undefined],
  ["is dead", (redis) => redis.stop()],
  ["hangs", (redis) => process.kill(redis.pid, "SIGSTOP")],
];

test.each(
  TROUBLES.flatMap(([state, trouble]) =>
    (["SIGTERM", "SIGINT"] as const).map((signal) => [signal, state, trouble] as const),
  ),
)("%s while Redis %s closes the viewers with 1001 and ends with 0, within five seconds", async (signal, _, trouble) => {
  const redis = await startPrivateRedis();
  onTestFinished(() => redis.stop());
  const args = ["--redis", redis.url, "--queue", "emails", "--discover", "--log-channel", "logs:*", "--port", "0"];
  const program = runBullcast(["serve", ...args]);
  const { socketOrigin } = await addressOf(program);
  const viewers = [await Viewer.open(`${socketOrigin}/ws`), await Viewer.open(`${socketOrigin}/ws?watch=none`)];
  await trouble(redis);

  const startedAt = performance.now();
  program.child.kill(signal);

  for (const viewer of viewers) expect((await viewer.closed).code).toBe(1001);
  expect(await program.exit).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(ENDED_WITHIN_MS);
  expect(program.output.stderr).toBe("");
});

test("a viewer that does not answer does not hold up the end, nor does an open request", async () => {
  const program = await serve(["--queue", "emails"]);
  const viewer = await Viewer.open(`${program.socketOrigin}/ws`);
  viewer.socket.pause();
  const idle = connect(Number(new URL(program.origin).port), "127.0.0.1");
  onTestFinished(() => void idle.destroy());
  idle
    .on("error", () => undefined)
    .write("POST /ws/send-message HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n");
  await new Promise((resolve) => idle.once("ready", resolve));

  const startedAt = performance.now();
  program.child.kill("SIGTERM");

  expect(await program.exit).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(ENDED_WITHIN_MS);
});
