// What many queues cost Redis: `node bench/queues.mjs`. Builds nothing; run `npm run build` first.
// A private Redis, a bridge in a process of its own, one viewer of everything. Events are written at a steady rate by
// this process, the same way in both runs, so that what they cost Redis themselves is in both; a run without a bridge
// says how much that is.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { WebSocket } from "ws";
import { freePort, startPrivateRedis } from "../scripts/private-redis.mjs";

const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const EVENTS_PER_SECOND = 1000;
const SECONDS = 10;
const IDLE_SECONDS = 20;
const ROUNDS = 3;

async function startBridge(redisUrl, queues) {
  const port = await freePort();
  const args = [
    MAIN,
    "serve",
    "--redis",
    redisUrl,
    "--port",
    String(port),
    ...queues.flatMap((name) => ["--queue", name]),
  ];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, LOG_LEVEL: "warn" },
  });
  await once(child.stdout, "data");
  const viewer = new WebSocket(`ws://127.0.0.1:${port}/ws`);
  viewer.received = 0;
  viewer.on("message", (data) => {
    if (String(data).startsWith('{"type":"task_progress')) viewer.received += 1;
  });
  await once(viewer, "open");
  await sleep(1000);
  return {
    viewer,
    async stop() {
      viewer.terminate();
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

async function cpuSeconds(redis) {
  const info = await redis.info("cpu");
  return ["user", "sys"].reduce((sum, kind) => sum + Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(info)[1]), 0);
}

async function commands(redis) {
  return Number(/total_commands_processed:(\d+)/.exec(await redis.info("stats"))[1]);
}

/** Writes events at a steady rate and answers the CPU time that Redis took for each, in microseconds. */
async function load(redis, queues) {
  const before = await cpuSeconds(redis);
  const startedAt = performance.now();
  let written = 0;
  while (written < EVENTS_PER_SECOND * SECONDS) {
    const due = Math.min(EVENTS_PER_SECOND * SECONDS, ((performance.now() - startedAt) / 1000) * EVENTS_PER_SECOND);
    const pipeline = redis.pipeline();
    for (; written < due; written += 1) {
      const key = `bull:${queues[written % queues.length]}:events`;
      pipeline.xadd(key, "MAXLEN", "~", 10_000, "*", "event", "progress", "jobId", String(written % 50), "data", "1");
    }
    await pipeline.exec();
    await sleep(1);
  }
  await sleep(500);
  return { written, cpuUs: (((await cpuSeconds(redis)) - before) * 1e6) / written };
}

async function measure(count, withBridge) {
  const server = await startPrivateRedis();
  const redis = new Redis(server.url);
  const queues = Array.from({ length: count }, (_, index) => `queue-${index}`);
  const bridge = withBridge ? await startBridge(server.url, queues) : null;
  const result = {};
  if (bridge) {
    const list = await redis.client("LIST");
    result.connections = list.split("\n").filter((line) => / name=bullcast /.test(line)).length;
    result.blocked = list.split("\n").filter((line) => / name=bullcast .* flags=b /.test(line)).length;
    const before = await commands(redis);
    await sleep(IDLE_SECONDS * 1000);
    // One of them is the question itself.
    result.commandsPerMinute = Math.round((((await commands(redis)) - before - 1) * 60) / IDLE_SECONDS);
  }
  const { written, cpuUs } = await load(redis, queues);
  result.cpuUs = cpuUs;
  if (bridge && bridge.viewer.received !== written) throw new Error(`told ${bridge.viewer.received} of ${written}`);
  await bridge?.stop();
  redis.disconnect();
  await server.stop();
  return result;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const runs = {
  "2 queues": [2, true],
  "200 queues": [200, true],
  "2 queues, no bridge": [2, false],
  "200 queues, no bridge": [200, false],
};
const results = Object.fromEntries(Object.keys(runs).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, run] of Object.entries(runs)) {
    const result = await measure(...run);
    results[name].push(result);
    console.log(`round ${round + 1}: ${name}: ${JSON.stringify(result)}`);
  }
}
const cpu = Object.fromEntries(
  Object.entries(results).map(([name, each]) => [name, median(each.map(({ cpuUs }) => cpuUs))]),
);
console.log(
  `\nmedians of ${ROUNDS} interleaved rounds, ${EVENTS_PER_SECOND} events/s for ${SECONDS} s, Redis CPU per event:`,
);
for (const [name, us] of Object.entries(cpu)) console.log(`  ${name}: ${us.toFixed(1)} us`);
console.log(`  200 queues / 2 queues: ${(cpu["200 queues"] / cpu["2 queues"]).toFixed(2)}`);
process.exit(0);
