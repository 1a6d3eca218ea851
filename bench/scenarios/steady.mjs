// Jobs at an even pace that a busy application has for a minute: who keeps it, and how late everything comes.
import { say } from "../../scripts/setup.mjs";
import { JOB_WITH_LINES, PLAIN_JOB, timedSteps } from "../load/job-shape.mjs";
import { BRIDGES, JOB_VIEWERS, jobsProblem, missingProgress, readConflated } from "../support/bridge-subjects.mjs";
import { runRounds } from "../support/rounds.mjs";
import { availableSubjects, WARM_UP_DELIVERIES, withSubject } from "../support/subjects.mjs";
import { withWriter } from "../support/writer.mjs";

/** Whoever has shown everything so soon after the last event has kept the pace. */
const GRACE_MS = 2_000;
/** How long the others may take to the end, so that it can be said how late they are. */
const LATE_MS = 90_000;

/** `isExact`: viewers must get everything; else progress may be replaced by newer progress. */
const CASES = [
  {
    what: "200 events a second",
    viewers: 1000,
    quickViewers: 200,
    job: PLAIN_JOB,
    jobsAtATime: 1,
    perSecond: 200,
    isExact: false,
  },
  {
    what: "200 jobs a second, each with 5 progress and 10 log lines",
    viewers: 20,
    quickViewers: 20,
    job: JOB_WITH_LINES,
    jobsAtATime: 200,
    perSecond: 200 * JOB_WITH_LINES.length,
    isExact: true,
  },
];

export const steady = {
  columns: [
    { key: "seconds", title: "written in s" },
    { key: "eventsPerSecond", title: "events/s" },
    { key: "p50", title: "p50 ms", ratio: true, spread: true },
    { key: "p99", title: "p99 ms", ratio: true },
    { key: "lateSeconds", title: "last one late by s" },
    { key: "cpuPercent", title: "CPU %" },
    { key: "cpuPerDelivery", title: "CPU us/delivery", ratio: true },
    { key: "conflated", title: "conflated" },
  ],

  async run(context) {
    const results = new Map();
    for (const load of CASES) {
      const viewers = context.isQuick ? load.quickViewers : load.viewers;
      const title = `${viewers.toLocaleString("en-US")} viewers, ${load.what}`;
      const byCase = await runRounds({
        name: `steady, ${viewers} viewers`,
        subjects: availableSubjects(BRIDGES, context),
        cases: [title],
        rounds: context.rounds,
        run: async (subject) => ({ [title]: await measureSubject(subject, { ...context, viewers, load }) }),
      });
      results.set(title, byCase.get(title));
    }
    return results;
  },
};

function measureSubject(subject, { load, ...context }) {
  // Bridges written by hand fall behind more with every second.
  const seconds = context.isQuick ? 5 : subject.server === "bullcast.mjs" ? 60 : 10;
  const { job, isExact } = load;
  const jobs = Math.round((seconds * load.perSecond) / job.length);
  return withSubject(subject, { ...context, args: JOB_VIEWERS }, ({ redisUrl, server, viewers, port }) =>
    withWriter("writer.mjs", redisUrl, async (writer) => {
      await warmUp({ writer, viewers, load, viewerCount: context.viewers });
      const conflatedBefore = await readConflated(subject, port);
      await viewers.reset();
      const before = await server.ask("cpu");
      const writing = await write(writer, load, jobs);
      const { microseconds } = await server.ask("cpu");
      const awaited = isExact ? ["messages", jobs * timedSteps(job)] : ["ends", jobs];
      const hasCome = (timeoutMs) => viewers.waitFor(awaited[0], awaited[1] * context.viewers, timeoutMs);
      const { isComplete: hasKeptUp } = await hasCome(GRACE_MS);
      if (!hasKeptUp) await hasCome(LATE_MS);
      const after = await server.ask("cpu");
      const stats = await viewers.stats();
      const conflated = (await readConflated(subject, port)) - conflatedBefore;
      const problem = jobsProblem(stats, { job, jobs, conflated, isExact });
      const figures = {
        ...figuresOf({ stats, writing, job, jobs }),
        cpuPercent: ((microseconds - before.microseconds) * 100) / durationOf(writing),
        cpuPerDelivery: (after.microseconds - before.microseconds) / stats.messages,
        stats,
        problem: problem ?? (hasKeptUp ? null : "everything came, but too late"),
      };
      say(`  p50 ${figures.p50} ms, p99 ${figures.p99} ms${figures.problem ? `, ${figures.problem}` : ""}`);
      return figures;
    }),
  );
}

async function warmUp({ writer, viewers, load, viewerCount }) {
  const batches = Math.ceil(WARM_UP_DELIVERIES / load.job.length / viewerCount / load.jobsAtATime);
  const jobs = batches * load.jobsAtATime;
  await write(writer, load, jobs);
  await viewers.waitFor("ends", jobs * viewerCount, LATE_MS);
}

function write(writer, { job, jobsAtATime, perSecond }, jobs) {
  const intervalMs = 1000 / perSecond;
  const timeoutMs = 2 * jobs * job.length * intervalMs + LATE_MS;
  return writer.ask("steady", { job, jobs, jobsAtATime, intervalMs, timeoutMs });
}

function figuresOf({ stats, writing, job, jobs }) {
  const { lastMatchingMicroseconds, latency } = stats;
  return {
    seconds: durationOf(writing) / 1e6,
    eventsPerSecond: (jobs * job.length * 1e6) / (lastMatchingMicroseconds - writing.startedAtMicroseconds),
    p50: latency.p50,
    p99: latency.p99,
    lateSeconds: Math.max(0, lastMatchingMicroseconds - writing.finishedAtMicroseconds) / 1e6,
    conflated: missingProgress(stats, { job, jobs }),
  };
}

function durationOf({ startedAtMicroseconds, finishedAtMicroseconds }) {
  return finishedAtMicroseconds - startedAtMicroseconds;
}
