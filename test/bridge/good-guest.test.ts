import type { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { startBridge } from "../support/bridge.ts";
import { openRedis } from "../support/redis.ts";
import { Viewer } from "../support/viewer.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { openPrivateRedis, openQueue, readHealth, told, typesOf } from "./support.ts";

/** What the recommended Redis user may do, beside the log channels. */
const ACL_LINE =
  "%R~bull:* &__redis__:invalidate +ping +hello +info +client|setname +client|id +client|tracking +subscribe +unsubscribe " +
  "+multi +exec +xread +xrange +xrevrange +xinfo|stream +hget +hmget +lrange +llen +lpos +zscore +zcard +zrange " +
  "+exists +type +scan";
const ACL_FOR_CHANNELS = "&lines:* +psubscribe +punsubscribe";

const ALLOWED_COMMANDS: ReadonlySet<string> = new Set(
  `${ACL_LINE} ${ACL_FOR_CHANNELS} +client|setinfo`
    .split(" ")
    .flatMap((rule) => (rule.startsWith("+") ? rule.slice(1) : [])),
);
const MAX_CONNECTIONS = 6;

/** One command as MONITOR shows it. */
interface SeenCommand {
  source: string;
  words: string[];
}

/** Everything that reaches a server from now on. */
async function monitor(redis: Redis): Promise<SeenCommand[]> {
  const seen: SeenCommand[] = [];
  const listener = await redis.monitor();
  onTestFinished(() => listener.disconnect());
  listener.on("monitor", (_time: string, words: string[], source: string) => seen.push({ source, words }));
  return seen;
}

/** Addresses of the bridge's connections. */
async function bridgeAddresses(redis: Redis): Promise<string[]> {
  const list = (await redis.call("CLIENT", "LIST")) as string;
  return list
    .split("\n")
    .flatMap((line) => (/ name=bullcast /.test(line) ? (/ addr=(\S+)/.exec(line)?.[1] ?? []) : []));
}

/** `xread`, or `client|id` where the second word says what is done. */
function commandOf({ words }: SeenCommand): string {
  const [command = "", subcommand = ""] = words.map((word) => word.toLowerCase());
  return ["client", "xinfo"].includes(command) ? `${command}|${subcommand}` : command;
}

/** Lets a bridge see all there is: two queues' jobs, log lines, published lines, an attached and a detached queue. */
async function playEverything(
  { bridge, wsUrl }: Awaited<ReturnType<typeof startBridge>>,
  { url, prefix }: { url: string; prefix: string },
): Promise<Viewer> {
  const redis = openRedis(url);
  const viewer = await Viewer.open(wsUrl);
  const queues = ["emails", "images"].map((name) => openQueue(name, prefix, { redisUrl: url, skipMetasUpdate: true }));
  await Promise.all(queues.map(({ name }) => startStockWorker({ queue: name, prefix, redisUrl: url })));
  for (const queue of queues) {
    const failing = await queue.add("letter", { progress: [1], failFirst: 1, reason: "busy" }, { attempts: 2 });
    const delayed = await queue.add("letter", { logs: 3 }, { delay: 50, removeOnComplete: true });
    await redis.xadd(`${prefix}:${queue.name}:bullcast-logs`, "*", "job", String(failing.id), "msg", "a line");
    for (const { id = "" } of [failing, delayed]) {
      await viewer.until(() => typesOf(viewer, queue.name, id).includes("task_success"), `${queue.name}:${id}`);
    }
    expect(told(viewer, queue.name).find(({ type }) => type === "task_retrying")).toMatchObject({
      content: "busy",
      meta: { name: "letter", attempt: 1, attempts: 2 },
    });
    await viewer.next(({ type, meta }) => type === "logs" && meta.queue === queue.name);
  }
  await redis.publish("lines:all", "a published line");
  await viewer.next(({ content }) => content === "a published line");
  bridge.attachQueue("later");
  await expect
    .poll(async () => "later" in (await (await Viewer.open(wsUrl)).next("subscribed")).content.cursors, {
      timeout: 5000,
    })
    .toBe(true);
  await openQueue("later", prefix, { redisUrl: url }).add("job", {});
  await viewer.until(() => told(viewer, "later").length >= 2);
  bridge.detachQueue("images");
  return viewer;
}

test("all a bridge does to Redis is reading, over at most six connections", async () => {
  const { url } = await openPrivateRedis();
  const redis = openRedis(url);
  const prefix = "bull";
  const application = openQueue("emails", prefix, { redisUrl: url, streams: { events: { maxLen: 77 } } });
  await application.waitUntilReady();
  await expect.poll(() => redis.hget("bull:emails:meta", "opts.maxLenEvents")).toBe("77");
  const seen = await monitor(redis);
  const running = await startBridge({
    connection: url,
    prefix,
    queues: ["emails", "images"],
    discover: true,
    logChannels: ["lines:*", "more"],
  });
  await playEverything(running, { url, prefix });
  const addresses = await bridgeAddresses(redis);

  expect(addresses.length).toBeGreaterThanOrEqual(2);
  expect(addresses.length).toBeLessThanOrEqual(MAX_CONNECTIONS);
  const commands = seen.filter(({ source }) => addresses.includes(source));
  const done = new Set(commands.map(commandOf));
  // What it cannot do without, so that an empty record proves nothing.
  expect([...done]).toEqual(
    expect.arrayContaining(["xread", "xinfo|stream", "hmget", "lrange", "client|tracking", "scan", "psubscribe"]),
  );
  expect([...done].filter((command) => !ALLOWED_COMMANDS.has(command))).toEqual([]);
  expect(commands.filter(({ words }) => words.some((word) => /^(eval|evalsha|fcall)/i.test(word)))).toEqual([]);
  expect(await redis.hget("bull:emails:meta", "opts.maxLenEvents")).toBe("77");
  expect(await redis.keys("*bullcast*"), "only what the test itself wrote").toEqual(
    expect.arrayContaining(["bull:emails:bullcast-logs", "bull:images:bullcast-logs"]),
  );
  expect(await redis.keys("*bullcast*")).toHaveLength(2);
});

test("the connections do not grow with queues and viewers", async () => {
  const { url } = await openPrivateRedis();
  const redis = openRedis(url);
  const { wsUrl, bridge, prefix } = await startBridge({
    connection: url,
    queues: Array.from({ length: 100 }, (_, index) => `queue-${index}`),
  });
  const before = await bridgeAddresses(redis);
  const viewers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => Viewer.open(`${wsUrl}?queue=queue-${index}`)),
  );
  for (let index = 100; index < 120; index += 1) bridge.attachQueue(`queue-${index}`);
  await openQueue("queue-49", prefix, { redisUrl: url }).add("job", {});
  await viewers.at(-1)?.next("task_waiting");

  expect(before.length).toBeLessThanOrEqual(MAX_CONNECTIONS);
  expect((await bridgeAddresses(redis)).sort()).toEqual(before.sort());
});

test("a read-only Redis user is enough", async () => {
  const { url, port } = await openPrivateRedis();
  const redis = openRedis(url);
  const rules = `on >secret ${ACL_LINE} ${ACL_FOR_CHANNELS}`;
  await redis.call("ACL", "SETUSER", "guest", ...rules.split(" "));
  const guestUrl = `redis://guest:secret@127.0.0.1:${port}`;
  await expect(openRedis(guestUrl).xadd("bull:emails:events", "*", "event", "drained")).rejects.toThrow(/NOPERM/);
  await redis.call("ACL", "LOG", "RESET");

  const running = await startBridge({
    connection: guestUrl,
    prefix: "bull",
    queues: ["emails", "images"],
    discover: true,
    logChannels: ["lines:*"],
  });
  const viewer = await playEverything(running, { url, prefix: "bull" });

  expect(viewer.messages.filter(({ type }) => type === "error" || type === "gap")).toEqual([]);
  expect(await readHealth(running.httpUrl)).toMatchObject({
    httpStatus: 200,
    status: "healthy",
    checks: { redis: { status: "healthy" }, jobs: { status: "healthy" } },
  });
  expect(await redis.call("ACL", "LOG"), "nothing was tried that is not allowed").toEqual([]);
});
