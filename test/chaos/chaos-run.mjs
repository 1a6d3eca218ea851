// One run: everything is started, breaks for a while, comes to rest and is judged.
import { once } from "node:events";
import { createReadStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { freePort } from "../../scripts/private-redis.mjs";
import { endChild, startChild, whenReady } from "./child.mjs";
import { Faults } from "./faults.mjs";
import { judge } from "./oracle.mjs";
import { Producer } from "./producer.mjs";
import { createRandom } from "./random.mjs";
import { BridgeServer, RedisServer } from "./services.mjs";
import { tellable } from "./tellable.mjs";
import { gatherTruth } from "./truth.mjs";
import { ViewerPool } from "./viewer-pool.mjs";

const PREFIX = "chaos";
const QUEUES = ["alpha", "beta", "gamma"];
const JOBS_PER_SECOND = 12;
const WORKERS = [6, 5, 6];
/** Jobs of a worker that lost its Redis are tried again after the lock's 5 s. */
const JOBS_END_TIMEOUT_MS = 60_000;
/** Watched jobs are compared with Redis every 30 s: what that would mend is not a loss. */
const REST_TIMEOUT_MS = 45_000;
/** What a run may take beyond its time of breaking, all of its waits together. */
const SLACK_MS = 300_000;
/** Newest entries looked through for the last that makes a message. */
const TAIL_ENTRIES = 100;

/**
 * @param {{ seed: string, minutes: number, withFaults: boolean, without: ReadonlySet<string>, onFault: (fault: object) =>
 * void, onStage: (stage: string) => void, signal: AbortSignal }} options
 * @returns `{ folder, faults, jobs, viewers, messages, findings, problems }`.
 */
export async function runChaos(options) {
  const { seed, minutes, signal, onStage } = options;
  const folder = mkdtempSync(join(tmpdir(), `bullcast-chaos-${seed}-`));
  const endings = [];
  onStage(`records in ${folder}`);
  try {
    const run = Promise.race([carryOut(folder, options, endings), whenAborted(signal)]);
    return await inTime(run, minutes * 60_000 + SLACK_MS, `the run did not end in time; its records are in ${folder}`);
  } finally {
    // Viewers and workers first, and what they talk to last.
    for (const end of endings.reverse()) await inTime(Promise.resolve(end()), 10_000, "no end").catch(() => undefined);
    if (signal.aborted) discard({ folder });
  }
}

async function carryOut(folder, { seed, minutes, withFaults, without, onFault, onStage, signal }, endings) {
  const random = createRandom(seed);
  const folders = Object.fromEntries(["redis", "notes", "viewers"].map((name) => [name, join(folder, name)]));
  for (const path of Object.values(folders)) mkdirSync(path);
  const redisServer = new RedisServer(folders.redis);
  endings.push(() => redisServer.kill());
  await redisServer.start();
  const redis = new Redis(redisServer.url, { maxRetriesPerRequest: null, retryStrategy: () => 100 });
  redis.on("error", () => undefined);
  endings.push(() => redis.disconnect());
  const bridgeSettings = { redisUrl: redisServer.readOnlyUrl, prefix: PREFIX, queues: QUEUES, port: await freePort() };
  const bridge = new BridgeServer({ ...bridgeSettings, log: join(folder, "bridge.log") });
  endings.push(() => bridge.stop());
  bridge.start();
  await bridge.whenHealthy();
  const workers = WORKERS.map((bullmq, index) => {
    const settings = { queues: QUEUES, prefix: PREFIX, redisUrl: redisServer.url, bullmq, concurrency: 5 };
    const notes = join(folders.notes, `worker-${index}.jsonl`);
    return startChild("worker.mjs", [JSON.stringify({ ...settings, notes })], { log: join(folder, "workers.log") });
  });
  endings.push(() => Promise.all(workers.map((worker) => endChild(worker))));
  await Promise.all(workers.map(whenReady));
  const viewers = new ViewerPool({ queues: QUEUES, folder: folders.viewers, random: random.fork("viewers") });
  endings.push(() => viewers.end());
  await viewers.start({ url: bridge.url, seed, log: join(folder, "viewers.log") });
  const jobsSettings = { queues: QUEUES, prefix: PREFIX, redisUrl: redisServer.url, random: random.fork("jobs") };
  const producer = new Producer(jobsSettings);
  endings.push(() => producer.close());
  const services = { redisServer, bridge, redis, viewers, queues: QUEUES, prefix: PREFIX };
  const faults = new Faults({ ...services, random: random.fork("faults"), onFault });

  onStage(withFaults ? "breaking things" : "running without faults");
  producer.start(JOBS_PER_SECOND, (queue, id) => viewers.mayWatch(queue, id));
  // Not AbortSignal.any: on Node 20 it may be collected, and then never fires.
  const breaking = new AbortController();
  const stop = () => breaking.abort();
  signal.addEventListener("abort", stop);
  const timer = setTimeout(stop, minutes * 60_000);
  if (withFaults) await faults.run(breaking.signal);
  else await once(breaking.signal, "abort");
  clearTimeout(timer);

  onStage("waiting until all jobs have ended");
  await inTime(producer.stop(), JOBS_END_TIMEOUT_MS, "the last jobs could not be added");
  await whenJobsEnded(producer);
  onStage("waiting until the viewers are at rest");
  const targets = await newestTellable(redis);
  const restless = await viewers.whenAtRest(targets, REST_TIMEOUT_MS);
  for (const status of restless) onStage(`not at rest in time: ${JSON.stringify({ ...status, targets })}`);
  await viewers.end();

  onStage("judging");
  const sources = { redis, redisFolder: folders.redis, notesFolder: folders.notes, prefix: PREFIX, queues: QUEUES };
  const { truth, problems } = await gatherTruth({ ...sources, jobs: producer.jobs });
  truth.bridgeStarts = bridge.startedAt;
  const result = { folder, faults: faults.done, jobs: producer.jobs.length, viewers: viewers.plans.length, problems };
  return { ...result, ...(await judgeAll(truth, viewers.plans, without, folder, faults.done)) };
}

/** Throws a run's records away. */
export function discard({ folder }) {
  rmSync(folder, { recursive: true, force: true });
}

async function judgeAll(truth, plans, without, folder, faults) {
  const findings = [];
  let messages = 0;
  for (const { id, topics, file } of plans) {
    const verdict = judge(truth, { id, topics, records: await readRecords(file) }, without);
    messages += verdict.messages;
    findings.push(...verdict.findings);
  }
  // With the viewers' files all that is needed to judge again.
  writeFileSync(join(folder, "truth.json"), JSON.stringify({ truth, plans }));
  writeFileSync(join(folder, "faults.json"), JSON.stringify(faults, null, 1));
  writeFileSync(join(folder, "findings.json"), JSON.stringify(findings, null, 1));
  return { messages, findings };
}

async function readRecords(file) {
  const records = [];
  for await (const line of createInterface({ input: createReadStream(file) })) records.push(JSON.parse(line));
  return records;
}

async function whenJobsEnded(producer) {
  const deadline = Date.now() + JOBS_END_TIMEOUT_MS;
  while ((await inTime(producer.unended(), JOBS_END_TIMEOUT_MS, "Redis does not answer")) > 0) {
    if (Date.now() > deadline) return;
    await sleep(100);
  }
}

/** The newest entries of each queue that make messages: who has been shown these has been shown all. */
async function newestTellable(redis) {
  const targets = {};
  for (const queue of QUEUES) {
    targets[queue] = { events: "0-0", logs: "0-0" };
    for (const [stream, name] of Object.entries({ events: "events", logs: "bullcast-logs" })) {
      const entries = await redis.xrevrange(`${PREFIX}:${queue}:${name}`, "+", "-", "COUNT", TAIL_ENTRIES);
      const newest = entries.find(([, flat]) => {
        const fields = Object.fromEntries(flat.flatMap((name, index) => (index % 2 ? [] : [[name, flat[index + 1]]])));
        return tellable(stream, { fields }) !== null;
      });
      if (newest) targets[queue][stream] = newest[0];
    }
  }
  return targets;
}

function whenAborted(signal) {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

async function inTime(promise, timeoutMs, complaint) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
