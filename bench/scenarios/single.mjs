// One viewer, one real job, one real worker: from the call of updateProgress to the message at the viewer.
import { say } from "../../scripts/setup.mjs";
import { BRIDGES } from "../support/bridge-subjects.mjs";
import { viewersProblem } from "../support/load-client.mjs";
import { runRounds } from "../support/rounds.mjs";
import { availableSubjects, withSubject } from "../support/subjects.mjs";
import { withWriter } from "../support/writer.mjs";

const UPDATES_PER_SECOND = 200;
/** What is run before: code that has run a thousand times only is still interpreted, everybody's. */
const WARM_UP = { seconds: 10, perSecond: 1000 };
const TIMEOUT_MS = 10_000;
const TITLE = `one viewer, ${UPDATES_PER_SECOND} updateProgress a second`;

export const single = {
  columns: [
    { key: "p50", title: "p50 ms", ratio: true, spread: true },
    { key: "p99", title: "p99 ms", ratio: true },
    { key: "max", title: "max ms", ratio: true },
    { key: "updates", title: "updates" },
  ],

  run(context) {
    return runRounds({
      name: "single",
      subjects: availableSubjects(BRIDGES, context),
      cases: [TITLE],
      rounds: context.rounds,
      run: async (subject) => ({ [TITLE]: await measureSubject(subject, { ...context, viewers: 1 }) }),
    });
  },
};

function measureSubject(subject, context) {
  const seconds = context.isQuick ? 3 : 10;
  return withSubject(subject, context, ({ redisUrl, viewers }) =>
    withWriter("job-worker.mjs", redisUrl, async (worker) => {
      await runJob({ worker, viewers, ...(context.isQuick ? { ...WARM_UP, seconds: 1 } : WARM_UP) });
      const { updates, stats } = await runJob({ worker, viewers, seconds, perSecond: UPDATES_PER_SECOND });
      const { p50, p99, max } = stats.latency;
      const isComplete = stats.matching === updates;
      const problem =
        viewersProblem(stats) ?? (isComplete ? null : `the viewer got ${stats.matching} of ${updates} updates`);
      say(`  p50 ${p50} ms, p99 ${p99} ms${problem ? `, ${problem}` : ""}`);
      return { p50, p99, max, updates: stats.matching, stats, problem };
    }),
  );
}

async function runJob({ worker, viewers, seconds, perSecond }) {
  const updates = seconds * perSecond;
  await viewers.reset();
  await worker.ask("run", { updates, intervalMs: 1000 / perSecond, timeoutMs: 2 * seconds * 1000 + TIMEOUT_MS });
  await viewers.waitFor("messages", updates, TIMEOUT_MS);
  return { updates, stats: await viewers.stats() };
}
