// Job events from Redis to all viewers, as fast as it goes: they are written as fast as Redis takes them, and shown meanwhile.
import { say } from "../../scripts/setup.mjs";
import { PLAIN_JOB } from "../load/job-shape.mjs";
import { BRIDGES, JOB_VIEWERS, jobsProblem, missingProgress, readConflated } from "../support/bridge-subjects.mjs";
import { probeHealth } from "../support/health-probe.mjs";
import { runRounds } from "../support/rounds.mjs";
import { availableSubjects, WARM_UP_DELIVERIES, withSubject } from "../support/subjects.mjs";
import { withWriter } from "../support/writer.mjs";

const TIMEOUT_MS = 90_000;

/** Events for 100 viewers that take each kind of bridge some seconds; a tenth of it for ten times as many viewers. */
const EVENTS_AT_100 = { bullcast: 40_000, byHand: 2_000 };

export const bridge = {
  columns: [
    { key: "eventsPerSecond", title: "events/s", ratio: true, spread: true },
    { key: "cpuPerDelivery", title: "CPU us/delivery", ratio: true },
    { key: "cpuPerEvent", title: "CPU us/event", ratio: true },
    { key: "deliveries", title: "deliveries" },
    { key: "bytesPerDelivery", title: "bytes each" },
    { key: "conflated", title: "conflated" },
    { key: "healthP50", title: "health p50 ms" },
    { key: "healthP99", title: "health p99 ms" },
  ],

  async run(context) {
    const results = new Map();
    for (const viewers of context.isQuick ? [100] : [100, 1000]) {
      const title = `${viewers.toLocaleString("en-US")} viewers, events written and shown as fast as it goes`;
      const byCase = await runRounds({
        name: `bridge, ${viewers} viewers`,
        subjects: availableSubjects(BRIDGES, context),
        cases: [title],
        rounds: context.rounds,
        run: async (subject) => ({ [title]: await measureSubject(subject, { ...context, viewers }) }),
      });
      results.set(title, byCase.get(title));
    }
    return results;
  },
};

function measureSubject(subject, context) {
  const isBullcast = subject.server === "bullcast.mjs";
  const events = EVENTS_AT_100[isBullcast ? "bullcast" : "byHand"] * (100 / context.viewers);
  const jobs = Math.ceil(events / PLAIN_JOB.length / (context.isQuick ? 10 : 1));
  return withSubject(subject, { ...context, args: JOB_VIEWERS }, ({ redisUrl, server, viewers, port }) =>
    withWriter("writer.mjs", redisUrl, async (writer) => {
      const fill = (count) => fillAndWait({ writer, viewers, jobs: count, viewerCount: context.viewers });
      await fill(Math.ceil(WARM_UP_DELIVERIES / PLAIN_JOB.length / context.viewers));
      const conflatedBefore = await readConflated(subject, port);
      const before = await server.ask("cpu");
      const probe = isBullcast ? probeHealth(port) : null;
      const { startedAtMicroseconds, stats } = await fill(jobs);
      const health = await probe?.stop();
      const cpuMicroseconds = (await server.ask("cpu")).microseconds - before.microseconds;
      const conflated = (await readConflated(subject, port)) - conflatedBefore;
      const seconds = (stats.lastEndMicroseconds - startedAtMicroseconds) / 1e6;
      const figures = {
        eventsPerSecond: (jobs * PLAIN_JOB.length) / seconds,
        cpuPerDelivery: cpuMicroseconds / stats.messages,
        cpuPerEvent: cpuMicroseconds / (jobs * PLAIN_JOB.length),
        deliveries: stats.messages,
        bytesPerDelivery: stats.bytes / stats.messages,
        conflated: missingProgress(stats, { job: PLAIN_JOB, jobs }),
        healthP50: health?.healthP50,
        healthP99: health?.healthP99,
        stats,
        problem: jobsProblem(stats, { job: PLAIN_JOB, jobs, conflated }) ?? health?.problem ?? null,
      };
      say(`  ${Math.round(figures.eventsPerSecond)} events/s${figures.problem ? `, ${figures.problem}` : ""}`);
      return figures;
    }),
  );
}

async function fillAndWait({ writer, viewers, jobs, viewerCount }) {
  await viewers.reset();
  const [{ startedAtMicroseconds }] = await Promise.all([
    writer.ask("fill", { jobs, timeoutMs: TIMEOUT_MS }),
    viewers.waitFor("ends", jobs * viewerCount, TIMEOUT_MS),
  ]);
  return { startedAtMicroseconds, stats: await viewers.stats() };
}
