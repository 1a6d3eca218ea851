// Job events at an even pace that a busy application has for a minute: who keeps it, and how late everything comes.
import { say } from "../../scripts/setup.mjs";
import { EVENTS_PER_JOB } from "../load/job-shape.mjs";
import { BRIDGES, JOB_VIEWERS, jobsProblem, missingProgress, readConflated } from "../support/bridge-subjects.mjs";
import { runRounds } from "../support/rounds.mjs";
import { availableSubjects, WARM_UP_DELIVERIES, withSubject } from "../support/subjects.mjs";
import { withWriter } from "../support/writer.mjs";

const EVENTS_PER_SECOND = 200;
const INTERVAL_MS = 1000 / EVENTS_PER_SECOND;
/** Whoever has shown everything so soon after the last event has kept the pace. */
const GRACE_MS = 2_000;
/** How long the others may take to the end, so that it can be said how late they are. */
const LATE_MS = 90_000;

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
    const viewers = context.isQuick ? 200 : 1000;
    const title = `${viewers.toLocaleString("en-US")} viewers, ${EVENTS_PER_SECOND} events a second`;
    return runRounds({
      name: "steady",
      subjects: availableSubjects(BRIDGES, context),
      cases: [title],
      rounds: context.rounds,
      run: async (subject) => ({ [title]: await measureSubject(subject, { ...context, viewers }) }),
    });
  },
};

function measureSubject(subject, context) {
  // Bridges written by hand fall behind more with every second.
  const seconds = context.isQuick ? 5 : subject.server === "bullcast.mjs" ? 60 : 10;
  const jobs = Math.round((seconds * EVENTS_PER_SECOND) / EVENTS_PER_JOB);
  return withSubject(subject, { ...context, args: JOB_VIEWERS }, ({ redisUrl, server, viewers, port }) =>
    withWriter("writer.mjs", redisUrl, async (writer) => {
      const ends = jobs * context.viewers;
      const warmUpJobs = Math.ceil(WARM_UP_DELIVERIES / EVENTS_PER_JOB / context.viewers);
      await writer.ask("steady", { jobs: warmUpJobs, intervalMs: INTERVAL_MS });
      await viewers.waitFor("ends", warmUpJobs * context.viewers, LATE_MS);
      const conflatedBefore = await readConflated(subject, port);
      await viewers.reset();
      const before = await server.ask("cpu");
      const writing = await writer.ask("steady", { jobs, intervalMs: INTERVAL_MS, timeoutMs: 2 * seconds * 1000 });
      const { microseconds } = await server.ask("cpu");
      const { isComplete: hasKeptUp } = await viewers.waitFor("ends", ends, GRACE_MS);
      if (!hasKeptUp) await viewers.waitFor("ends", ends, LATE_MS);
      const after = await server.ask("cpu");
      const stats = await viewers.stats();
      const conflated = (await readConflated(subject, port)) - conflatedBefore;
      const figures = {
        ...figuresOf({ stats, writing, jobs }),
        cpuPercent: ((microseconds - before.microseconds) * 100) / durationOf(writing),
        cpuPerDelivery: (after.microseconds - before.microseconds) / stats.messages,
        stats,
        problem: jobsProblem(stats, { jobs, conflated }) ?? (hasKeptUp ? null : "everything came, but too late"),
      };
      say(`  p50 ${figures.p50} ms, p99 ${figures.p99} ms${figures.problem ? `, ${figures.problem}` : ""}`);
      return figures;
    }),
  );
}

function figuresOf({ stats, writing, jobs }) {
  const { lastMatchingMicroseconds, latency } = stats;
  return {
    seconds: durationOf(writing) / 1e6,
    eventsPerSecond: (jobs * EVENTS_PER_JOB * 1e6) / (lastMatchingMicroseconds - writing.startedAtMicroseconds),
    p50: latency.p50,
    p99: latency.p99,
    lateSeconds: Math.max(0, lastMatchingMicroseconds - writing.finishedAtMicroseconds) / 1e6,
    conflated: missingProgress(stats, jobs),
  };
}

function durationOf({ startedAtMicroseconds, finishedAtMicroseconds }) {
  return finishedAtMicroseconds - startedAtMicroseconds;
}
