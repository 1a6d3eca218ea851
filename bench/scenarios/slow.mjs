// One viewer of many stops reading: what the others notice of it, what it costs the server, and what becomes of it.
import { setTimeout as sleep } from "node:timers/promises";
import { say } from "../../scripts/setup.mjs";
import { BUSY_JOB, END_MARK, timedSteps } from "../load/job-shape.mjs";
import { connectViewers, viewersProblem } from "../support/load-client.mjs";
import { runRounds } from "../support/rounds.mjs";
import { availableSubjects, BULLCAST_VIEWERS, withServer } from "../support/subjects.mjs";
import { withWriter } from "../support/writer.mjs";

/** At work at a time too: each takes a second. */
const JOBS_PER_SECOND = 50;
const MESSAGES_PER_SECOND = JOBS_PER_SECOND * BUSY_JOB.length;
const WARM_UP_SECONDS = 2;
const SETTLE_MS = 500;
/** How long what is not there after the last message is waited for. */
const GRACE_MS = 5_000;
const TIMEOUT_MS = 60_000;
/** How long it may take the stalled viewer, which reads again, to learn that it was closed. */
const LEARN_MS = 1_000;
const SAMPLE_MS = 500;

const ARGS = [...BULLCAST_VIEWERS.with(1, "/ws?queue=bench"), "--match-end", END_MARK];

const SUBJECTS = [
  { title: "bullcast, all read", server: "bullcast.mjs", stalls: false },
  { title: "bullcast, one stops reading", server: "bullcast.mjs", stalls: true },
];

export const slow = {
  columns: [
    { key: "p50", title: "others' p50 ms", ratio: true },
    { key: "p99", title: "others' p99 ms", ratio: true, spread: true },
    { key: "missed", title: "others' missed" },
    { key: "cpuPercent", title: "CPU %" },
    { key: "rssGrowthMebibytes", title: "RSS growth MiB" },
    { key: "closedByServer", title: "closed 4290" },
    { key: "cutOff", title: "closed 1006" },
    { key: "dropped", title: "dropped" },
    { key: "conflated", title: "conflated" },
  ],

  run(context) {
    const viewers = context.isQuick ? 50 : 500;
    const seconds = context.isQuick ? 5 : 60;
    const stallAfterMs = context.isQuick ? 1_000 : 5_000;
    const title = `${viewers} viewers of one queue, ${MESSAGES_PER_SECOND} messages a second for ${seconds} s`;
    return runRounds({
      name: "slow",
      subjects: availableSubjects(SUBJECTS, context),
      cases: [title],
      rounds: context.rounds,
      run: async (subject) => ({
        [title]: await measureSubject(subject, { ...context, viewers, seconds, stallAfterMs }),
      }),
    });
  },
};

function measureSubject(subject, { client, peers, viewers, seconds, stallAfterMs }) {
  const jobs = seconds * JOBS_PER_SECOND;
  return withServer(subject, { peers }, ({ redisUrl, server, port }) =>
    withWriter("writer.mjs", redisUrl, async (writer) => {
      // A process of its own, also where it reads on: its figures are not among those of the others.
      const others = await connectViewers(client, { port, count: viewers - 1, args: ARGS });
      const one = await connectViewers(client, { port, count: 1, args: ARGS });
      try {
        await sleep(SETTLE_MS);
        await write(writer, WARM_UP_SECONDS);
        await sleep(SETTLE_MS);
        await Promise.all([others.reset(), one.reset()]);
        const messagesBefore = await readMessages(port);
        const memory = await watchMemory(server);
        const before = await server.ask("cpu");
        const stalling = subject.stalls ? sleep(stallAfterMs).then(() => one.stall(1)) : null;
        const writing = await write(writer, seconds);
        await stalling;
        await others.waitFor("ends", jobs * (viewers - 1), GRACE_MS);
        const after = await server.ask("cpu");
        const stats = await others.stats();
        const rssGrowthMebibytes = await memory.stop();
        const messages = await readMessages(port);
        const oneStats = await learnEnd(one);
        const figures = {
          p50: stats.latency.p50,
          p99: stats.latency.p99,
          missed: jobs * timedSteps(BUSY_JOB) * (viewers - 1) - stats.matching,
          cpuPercent: ((after.microseconds - before.microseconds) * 100) / durationOf(writing),
          rssGrowthMebibytes,
          closedByServer: oneStats.closeCodes[4290] ?? 0,
          cutOff: oneStats.closeCodes[1006] ?? 0,
          dropped: messages.dropped - messagesBefore.dropped,
          conflated: messages.conflated - messagesBefore.conflated,
          stats,
          oneStats,
          problem: problemOf(stats, jobs) ?? (subject.stalls ? null : problemOf(oneStats, jobs)),
        };
        const codes = JSON.stringify(oneStats.closeCodes);
        say(`  p99 ${figures.p99} ms, RSS +${rssGrowthMebibytes.toFixed(1)} MiB, the one: ${codes}`);
        return figures;
      } finally {
        await one.stop();
        await others.stop();
      }
    }),
  );
}

function write(writer, seconds) {
  const jobs = seconds * JOBS_PER_SECOND;
  const pace = { jobsAtATime: JOBS_PER_SECOND, intervalMs: 1000 / MESSAGES_PER_SECOND };
  return writer.ask("steady", { job: BUSY_JOB, jobs, ...pace, timeoutMs: seconds * 1000 + TIMEOUT_MS });
}

async function readMessages(port) {
  const response = await fetch(`http://127.0.0.1:${port}/ws/stats`);
  return (await response.json()).messages;
}

/** Looks now and then how much memory the server has; answers by how much the most was above the first. */
async function watchMemory(server) {
  const first = (await server.ask("rss")).bytes;
  const stopping = new AbortController();
  let most = first;
  const look = async () => {
    while (!stopping.signal.aborted) {
      most = Math.max(most, (await server.ask("rss")).bytes);
      await sleep(SAMPLE_MS, null, { signal: stopping.signal }).catch(() => {});
    }
  };
  const looking = look();
  // Whoever stops is told; whoever fails before that has the same to say.
  looking.catch(() => {});
  return {
    async stop() {
      stopping.abort();
      await looking;
      return (most - first) / 2 ** 20;
    },
  };
}

/** A viewer that does not read does not learn that it was closed either. */
async function learnEnd(one) {
  await one.resume();
  await sleep(LEARN_MS);
  return one.stats();
}

/** Progress and lines may have made room under load; of every job the end must be there once. */
function problemOf(stats, jobs) {
  const { endsPerViewerMin, endsPerViewerMax } = stats;
  const problem = viewersProblem(stats);
  if (problem) return problem;
  if (endsPerViewerMin === jobs && endsPerViewerMax === jobs) return null;
  return `viewers got ${endsPerViewerMin} to ${endsPerViewerMax} of ${jobs} ends`;
}

function durationOf({ startedAtMicroseconds, finishedAtMicroseconds }) {
  return finishedAtMicroseconds - startedAtMicroseconds;
}
