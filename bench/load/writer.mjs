// Writes what BullMQ writes of jobs, without running any: `--redis URL`, then commands as in ../support/commands.mjs.
//   fill   {jobs}   all events of so many plain jobs, as fast as Redis takes them
//   steady {job, jobs, jobsAtATime, intervalMs}   one step each interval, of the jobs at work in turn
//   begin  {jobs}   the first two events of job-0, job-1 and so on, which then are at work
//   turns  {jobs, events, intervalMs}   one event of progress each interval, of those jobs in turn
//   spread {queues, events, intervalMs}   one event of progress each interval, of a job of each queue in turn
// What steps a job has is in job-shape.mjs. All but the first two carry the time of their writing.
import { Redis } from "ioredis";
import { calibrateClock, epochMicroseconds } from "../support/clock.mjs";
import { answerCommands, flag, tell } from "../support/commands.mjs";
import { everyInterval } from "../support/pacing.mjs";
import { LINE_MARK, LINES_CHANNEL, PLAIN_JOB } from "./job-shape.mjs";

const PREFIX = "bull:bench:";
const EVENTS_KEY = `${PREFIX}events`;
const JOBS_PER_PIPELINE = 100;
const PADDING = "x".repeat(64);
const LINE = LINE_MARK.padEnd(64, ".");
/** Far more than is written: nothing is trimmed away before a slow reader has got it. */
const MAX_EVENTS = 10_000_000;

const redis = new Redis(flag("redis"));
let lastJob = 0;

function addEvent(pipeline, key, ...fields) {
  pipeline.xadd(key, "MAXLEN", "~", MAX_EVENTS, "*", "event", ...fields);
}

/** Adds one step of a job, with what BullMQ writes to the job's hash at the same time. */
function addStep(pipeline, jobId, step, percent = 10) {
  const t = epochMicroseconds();
  const hash = PREFIX + jobId;
  if (step === "added") {
    pipeline.hset(hash, { name: "render", data: "{}", opts: '{"attempts":1}', timestamp: Math.floor(t / 1000) });
    addEvent(pipeline, EVENTS_KEY, "added", "jobId", jobId, "name", "render");
  } else if (step === "active") {
    pipeline.hset(hash, { processedOn: Math.floor(t / 1000), ats: 1 });
    addEvent(pipeline, EVENTS_KEY, "active", "jobId", jobId, "prev", "waiting");
  } else if (step === "progress") {
    const progress = JSON.stringify({ t, percent, padding: PADDING });
    pipeline.hset(hash, "progress", progress);
    addEvent(pipeline, EVENTS_KEY, "progress", "jobId", jobId, "data", progress);
  } else if (step === "line") {
    addLine(pipeline, jobId, t);
  } else {
    const result = JSON.stringify({ t, final: true });
    pipeline.hset(hash, { returnvalue: result, atm: 1, finishedOn: Math.floor(t / 1000) });
    addEvent(pipeline, EVENTS_KEY, "completed", "jobId", jobId, "returnvalue", result, "prev", "active");
  }
}

/** A line twice, whoever reads it: as bullcast/worker writes it, and as it is published for a bridge written by hand. */
function addLine(pipeline, jobId, t) {
  const time = Math.floor(t / 1000);
  const line = ["job", jobId, "level", "info", "msg", LINE, "time", time, "data", `{"t":${t}}`];
  pipeline.xadd(`${PREFIX}bullcast-logs`, "MAXLEN", "~", MAX_EVENTS, "*", ...line);
  const published = { jobId, level: "info", msg: LINE, time, data: { t } };
  pipeline.publish(`${LINES_CHANNEL}bench`, JSON.stringify(published));
}

function percentAt(index, job) {
  return Math.floor((index * 100) / job.length);
}

async function fill({ jobs }) {
  calibrateClock();
  const startedAtMicroseconds = epochMicroseconds();
  for (let written = 0; written < jobs; ) {
    const pipeline = redis.pipeline();
    for (let index = 0; index < JOBS_PER_PIPELINE && written < jobs; index += 1, written += 1) {
      lastJob += 1;
      for (const [at, step] of PLAIN_JOB.entries()) addStep(pipeline, String(lastJob), step, percentAt(at, PLAIN_JOB));
    }
    await pipeline.exec();
  }
  return { startedAtMicroseconds, finishedAtMicroseconds: epochMicroseconds() };
}

/** `jobs` is a multiple of `jobsAtATime`: so many begin together, and end before the next begin. */
async function steady({ job, jobs, jobsAtATime, intervalMs }) {
  calibrateClock();
  const startedAtMicroseconds = epochMicroseconds();
  const writing = [];
  await everyInterval(intervalMs, jobs * job.length, (index) => {
    const pipeline = redis.pipeline();
    const batch = Math.floor(index / (jobsAtATime * job.length));
    const jobId = String(lastJob + 1 + batch * jobsAtATime + (index % jobsAtATime));
    const at = Math.floor(index / jobsAtATime) % job.length;
    addStep(pipeline, jobId, job[at], percentAt(at, job));
    writing.push(pipeline.exec());
  });
  lastJob += jobs;
  await Promise.all(writing);
  return { startedAtMicroseconds, finishedAtMicroseconds: epochMicroseconds() };
}

/** `atm` too, which BullMQ writes with a job's first end: nothing about these is unknown to who reads their hashes. */
async function begin({ jobs }) {
  for (let begun = 0; begun < jobs; ) {
    const pipeline = redis.pipeline();
    for (let index = 0; index < JOBS_PER_PIPELINE && begun < jobs; index += 1, begun += 1) {
      for (const step of ["added", "active"]) addStep(pipeline, `job-${begun}`, step);
      pipeline.hset(`${PREFIX}job-${begun}`, "atm", 0);
    }
    await pipeline.exec();
  }
}

async function turns({ jobs, events, intervalMs }) {
  calibrateClock();
  const startedAtMicroseconds = epochMicroseconds();
  const writing = [];
  await everyInterval(intervalMs, events, (index) => {
    const pipeline = redis.pipeline();
    addStep(pipeline, `job-${index % jobs}`, "progress");
    writing.push(pipeline.exec());
  });
  await Promise.all(writing);
  return { startedAtMicroseconds, finishedAtMicroseconds: epochMicroseconds() };
}

/** The events only, so that most of what Redis has to do is done for whoever reads them. */
async function spread({ queues, events, intervalMs }) {
  calibrateClock();
  const writing = [];
  await everyInterval(intervalMs, events, (index) => {
    const pipeline = redis.pipeline();
    const key = `bull:${queues[index % queues.length]}:events`;
    addEvent(pipeline, key, "progress", "jobId", "1", "data", JSON.stringify({ t: epochMicroseconds() }));
    writing.push(pipeline.exec());
  });
  await Promise.all(writing);
}

answerCommands({ fill, steady, begin, turns, spread });
redis.once("ready", () => tell("ready"));
