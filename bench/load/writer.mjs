// Writes what BullMQ writes of jobs, without running any: `--redis URL`, then commands as in ../support/commands.mjs.
//   fill   {jobs}               all events of so many jobs, as fast as Redis takes them
//   steady {jobs, intervalMs}   one event each interval
//   begin  {jobs}               the first two events of job-0, job-1 and so on, which then are at work
//   turns  {jobs, events, intervalMs}   one event of progress each interval, of those jobs in turn
//   spread {queues, events, intervalMs}   one event of progress each interval, of a job of each queue in turn
//   busy   {seconds}            many jobs at a time, which take a second each: progress and log lines by turns
// A job has twelve events: added, active, nine of progress and completed. The last ten carry the time of their writing.
import { Redis } from "ioredis";
import { calibrateClock, epochMicroseconds } from "../support/clock.mjs";
import { answerCommands, flag, tell } from "../support/commands.mjs";
import { everyInterval } from "../support/pacing.mjs";
import { BUSY_MESSAGES_PER_JOB, BUSY_MESSAGES_PER_SECOND, EVENTS_PER_JOB } from "./job-shape.mjs";

const PREFIX = "bull:bench:";
const EVENTS_KEY = `${PREFIX}events`;
const JOBS_PER_PIPELINE = 100;
const PADDING = "x".repeat(64);
/** Far more than is written: nothing is trimmed away before a slow reader has got it. */
const MAX_EVENTS = 10_000_000;

const redis = new Redis(flag("redis"));
let lastJob = 0;

function addEvent(pipeline, key, ...fields) {
  pipeline.xadd(key, "MAXLEN", "~", MAX_EVENTS, "*", "event", ...fields);
}

/** Adds one event of a job, with what BullMQ writes to the job's hash at the same time. */
function addStep(pipeline, jobId, step) {
  const t = epochMicroseconds();
  const hash = PREFIX + jobId;
  if (step === 0) {
    pipeline.hset(hash, { name: "render", data: "{}", opts: '{"attempts":1}', timestamp: Math.floor(t / 1000) });
    addEvent(pipeline, EVENTS_KEY, "added", "jobId", jobId, "name", "render");
  } else if (step === 1) {
    pipeline.hset(hash, { processedOn: Math.floor(t / 1000), ats: 1 });
    addEvent(pipeline, EVENTS_KEY, "active", "jobId", jobId, "prev", "waiting");
  } else if (step < EVENTS_PER_JOB - 1) {
    const progress = JSON.stringify({ t, percent: (step - 1) * 10, padding: PADDING });
    pipeline.hset(hash, "progress", progress);
    addEvent(pipeline, EVENTS_KEY, "progress", "jobId", jobId, "data", progress);
  } else {
    const result = JSON.stringify({ t, final: true });
    pipeline.hset(hash, { returnvalue: result, atm: 1, finishedOn: Math.floor(t / 1000) });
    addEvent(pipeline, EVENTS_KEY, "completed", "jobId", jobId, "returnvalue", result, "prev", "active");
  }
}

async function fill({ jobs }) {
  calibrateClock();
  const startedAtMicroseconds = epochMicroseconds();
  for (let written = 0; written < jobs; ) {
    const pipeline = redis.pipeline();
    for (let index = 0; index < JOBS_PER_PIPELINE && written < jobs; index += 1, written += 1) {
      lastJob += 1;
      for (let step = 0; step < EVENTS_PER_JOB; step += 1) addStep(pipeline, String(lastJob), step);
    }
    await pipeline.exec();
  }
  return { startedAtMicroseconds, finishedAtMicroseconds: epochMicroseconds() };
}

async function steady({ jobs, intervalMs }) {
  calibrateClock();
  const startedAtMicroseconds = epochMicroseconds();
  const writing = [];
  await everyInterval(intervalMs, jobs * EVENTS_PER_JOB, (index) => {
    const pipeline = redis.pipeline();
    const jobId = String(lastJob + 1 + Math.floor(index / EVENTS_PER_JOB));
    addStep(pipeline, jobId, index % EVENTS_PER_JOB);
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
      for (const step of [0, 1]) addStep(pipeline, `job-${begun}`, step);
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
    addStep(pipeline, `job-${index % jobs}`, 2);
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

/** A line as bullcast/worker writes it. Its data carry the time. */
function addLine(pipeline, jobId) {
  const t = epochMicroseconds();
  const line = ["job", jobId, "level", "info", "msg", PADDING, "time", Math.floor(t / 1000), "data", `{"t":${t}}`];
  pipeline.xadd(`${PREFIX}bullcast-logs`, "MAXLEN", "~", MAX_EVENTS, "*", ...line);
}

async function busy({ seconds }) {
  calibrateClock();
  const jobsAtATime = BUSY_MESSAGES_PER_SECOND / BUSY_MESSAGES_PER_JOB;
  const startedAtMicroseconds = epochMicroseconds();
  const writing = [];
  await everyInterval(1000 / BUSY_MESSAGES_PER_SECOND, seconds * BUSY_MESSAGES_PER_SECOND, (index) => {
    const pipeline = redis.pipeline();
    const batch = Math.floor(index / BUSY_MESSAGES_PER_SECOND);
    const jobId = String(lastJob + 1 + batch * jobsAtATime + (index % jobsAtATime));
    const step = Math.floor(index / jobsAtATime) % BUSY_MESSAGES_PER_JOB;
    if (step === BUSY_MESSAGES_PER_JOB - 1) addStep(pipeline, jobId, EVENTS_PER_JOB - 1);
    else if (step > 1 && step % 2 === 1) addLine(pipeline, jobId);
    else addStep(pipeline, jobId, step > 1 ? 1 + step / 2 : step);
    writing.push(pipeline.exec());
  });
  const jobs = seconds * jobsAtATime;
  lastJob += jobs;
  await Promise.all(writing);
  return { startedAtMicroseconds, finishedAtMicroseconds: epochMicroseconds(), jobs };
}

answerCommands({ fill, steady, begin, turns, spread, busy });
redis.once("ready", () => tell("ready"));
