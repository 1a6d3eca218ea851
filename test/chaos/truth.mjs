// What really happened, put together from Redis' append-only file, the workers' notes and the jobs as they are at rest.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { agreesWith, readHistory } from "./aof.mjs";

/**
 * @returns plain records, see `oracle.mjs`; `problems` are what does not fit together, which is the suite's own fault or
 * that of Redis and BullMQ, not the bridge's.
 */
export async function gatherTruth({ redis, redisFolder, notesFolder, prefix, queues: names, jobs: added }) {
  const queues = {};
  const problems = [];
  const history = readHistory(redisFolder, prefix);
  for (const queue of names) {
    queues[queue] = {};
    for (const [stream, key] of Object.entries({
      events: `${prefix}:${queue}:events`,
      logs: `${prefix}:${queue}:bullcast-logs`,
    })) {
      const read = history.streams.get(key) ?? { entries: [], trims: [], first: 0 };
      const ids = (await redis.xrange(key, "-", "+")).map(([id]) => id);
      if (!agreesWith(read, ids)) problems.push(`${key}: the append-only file and the stream do not agree`);
      queues[queue][stream] = { entries: read.entries, trims: read.trims };
    }
  }
  const outcomes = readNotes(notesFolder);
  const ends = new Map(names.flatMap((queue) => [...lastEnds(queue, queues[queue].events.entries)]));
  const hashes = await readJobs(redis, prefix, added);
  const jobs = added.map((job, index) => {
    const key = `${job.queue}:${job.id}`;
    const hash = hashes[index];
    const end = ends.get(key) ?? null;
    const truth = { ...job, ...(hash ?? endOf(end)), end, isRemoved: hash === null };
    const lines = history.lines.get(`${prefix}:${key}:logs`) ?? [];
    const problem = contradiction(truth, outcomes.get(key) ?? []);
    if (problem) problems.push(`${key}: ${problem}`);
    return { ...truth, lines };
  });
  for (const problem of lostByWorkers(queues, outcomes)) problems.push(problem);
  return { truth: { queues, jobs }, problems };
}

/** Runs by job, in the order noted. */
function readNotes(folder) {
  const runs = new Map();
  for (const file of readdirSync(folder)) {
    for (const line of readFileSync(join(folder, file), "utf8").split("\n")) {
      if (line === "") continue;
      const run = JSON.parse(line);
      const key = `${run.queue}:${run.id}`;
      runs.set(key, [...(runs.get(key) ?? []), run]);
    }
  }
  return runs;
}

function lastEnds(queue, entries) {
  const ends = new Map();
  for (const entry of entries) {
    const { event, jobId } = entry.fields;
    if (event === "completed" || event === "failed") ends.set(`${queue}:${jobId}`, entry);
  }
  return ends;
}

function endOf(entry) {
  if (!entry) return { state: "lost", value: null };
  const { event, returnvalue, failedReason } = entry.fields;
  return { state: event, value: event === "completed" ? JSON.parse(returnvalue) : failedReason };
}

/** State and value of each job, or null where it has been removed. */
async function readJobs(redis, prefix, jobs) {
  if (jobs.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const { queue, id } of jobs) {
    pipeline.hmget(`${prefix}:${queue}:${id}`, "name", "returnvalue", "failedReason");
    pipeline.zscore(`${prefix}:${queue}:completed`, id);
    pipeline.zscore(`${prefix}:${queue}:failed`, id);
  }
  const replies = (await pipeline.exec()).map(([, reply]) => reply);
  return jobs.map((_, index) => {
    const [[name, returned, reason], completed, failed] = replies.slice(index * 3, index * 3 + 3);
    if (name === null) return null;
    if (completed !== null) return { state: "completed", value: JSON.parse(returned ?? "null") };
    return failed === null ? { state: "unended", value: null } : { state: "failed", value: reason };
  });
}

function contradiction({ state, value }, runs) {
  if (state === "lost") return "gone from Redis without an end";
  if (state === "unended") return "has not ended";
  const isNoted = runs.some((run) => run.outcome === state && JSON.stringify(run.value) === JSON.stringify(value));
  return isNoted ? null : `${state} with ${JSON.stringify(value)}, which no worker noted`;
}

/** Lines that a worker logged and that neither came to Redis nor were marked as dropped. */
function lostByWorkers(queues, outcomes) {
  const written = new Map();
  for (const [queue, { logs }] of Object.entries(queues)) {
    for (const { fields } of logs.entries) {
      const key = `${queue}:${fields.job}`;
      written.set(key, (written.get(key) ?? 0) + Number(fields.dropped ?? 1));
    }
  }
  return [...outcomes].flatMap(([key, runs]) => {
    const logged = runs.reduce((sum, run) => sum + run.loggerLines, 0);
    const found = written.get(key) ?? 0;
    return found < logged ? [`${key}: ${logged} lines logged, ${found} in the log stream`] : [];
  });
}
