// The same messages to every viewer, from six servers: what one delivery costs the server's process.
import { say } from "../../scripts/setup.mjs";
import { viewersProblem } from "../support/load-client.mjs";
import { runRounds } from "../support/rounds.mjs";
import * as subjects from "../support/subjects.mjs";

/** What every server can keep: the same pace for all is what makes their CPU times comparable. */
const PACED_DELIVERIES_PER_SECOND = 30_000;
const TIMEOUT_MS = 60_000;

const SUBJECTS = [
  { title: "bullcast", server: "bullcast.mjs", viewers: subjects.BULLCAST_VIEWERS },
  { title: "socket.io", server: "socket-io.mjs", viewers: subjects.SOCKET_IO_VIEWERS, needs: "socketIo" },
  { title: "ws, as mostly written", server: "ws-each.mjs", viewers: subjects.PLAIN_VIEWERS },
  { title: "ws, stringified once", server: "ws-once.mjs", viewers: subjects.PLAIN_VIEWERS },
  { title: "ws, joined by hand", server: "ws-joined.mjs", viewers: subjects.PLAIN_VIEWERS },
  { title: "Bun", server: "bun.mjs", viewers: subjects.PLAIN_VIEWERS, needs: "bun" },
];

const MODES = {
  tens: "ten messages in one turn, then a pause",
  paced: "one message, then a pause",
  fast: "one message each turn, without a pause",
};

export const fanout = {
  columns: [
    { key: "cpuPerDelivery", title: "CPU us/delivery", ratio: true, spread: true },
    { key: "deliveriesPerSecond", title: "deliveries/s", ratio: true },
    { key: "p50", title: "p50 ms" },
    { key: "p99", title: "p99 ms" },
    { key: "rssMebibytes", title: "RSS MiB" },
    { key: "clientCpuPerDelivery", title: "client us" },
  ],

  async run(context) {
    const results = new Map();
    for (const viewers of context.isQuick ? [200] : [1000, 5000]) {
      const titleOf = (mode) => `${viewers.toLocaleString("en-US")} viewers, ${mode}: ${MODES[mode]}`;
      const byCase = await runRounds({
        name: `fanout, ${viewers} viewers`,
        subjects: subjects.availableSubjects(SUBJECTS, context),
        cases: Object.keys(MODES).map(titleOf),
        rounds: context.rounds,
        run: (subject) => measureSubject(subject, { ...context, viewers }, titleOf),
      });
      for (const [title, bySubject] of byCase) results.set(title, bySubject);
    }
    return results;
  },
};

function measureSubject(subject, context, titleOf) {
  return subjects.withSubject(subject, context, async ({ server, viewers }) => {
    const deliveries = context.isQuick ? 20_000 : 300_000;
    const fan = (mode, deliveries) => measureFanout(mode, { server, viewers, count: context.viewers, deliveries });
    const figures = {};
    for (const mode of Object.keys(MODES)) {
      await fan(mode, subjects.WARM_UP_DELIVERIES);
      // What has pauses takes longer for the same number.
      const share = mode === "fast" ? deliveries : deliveries / 2;
      const measured = await fan(mode, share);
      figures[titleOf(mode)] = measured;
      say(
        `  ${mode}: ${measured.cpuPerDelivery?.toFixed(2)} us/delivery${measured.problem ? `, ${measured.problem}` : ""}`,
      );
    }
    return figures;
  });
}

/** Sends messages in the way of a mode to so many viewers, until there were so many deliveries. */
export async function measureFanout(mode, { server, viewers, count, deliveries, bytes }) {
  const perTurn = mode === "tens" ? 10 : 1;
  const messages = Math.max(perTurn, Math.round(deliveries / count / perTurn) * perTurn);
  const intervalMs = (perTurn * count * 1000) / PACED_DELIVERIES_PER_SECOND;
  await viewers.reset();
  const [{ startedAtMicroseconds, cpuAtStartMicroseconds }, { isComplete }] = await Promise.all([
    server.ask("send", { mode, messages, intervalMs, bytes, timeoutMs: TIMEOUT_MS }),
    viewers.waitFor("messages", messages * count, TIMEOUT_MS),
  ]);
  const { microseconds } = await server.ask("cpu");
  const { bytes: rssBytes } = await server.ask("rss");
  const stats = await viewers.stats();
  const seconds = (stats.lastMatchingMicroseconds - startedAtMicroseconds) / 1e6;
  return {
    cpuPerDelivery: (microseconds - cpuAtStartMicroseconds) / stats.matching,
    clientCpuPerDelivery: stats.cpuMicroseconds / stats.matching,
    deliveriesPerSecond: stats.matching / seconds,
    p50: stats.latency.p50,
    p99: stats.latency.p99,
    rssMebibytes: rssBytes / 2 ** 20,
    stats,
    problem: problemOf(stats, { messages, isComplete }),
  };
}

function problemOf(stats, { messages, isComplete }) {
  const { perViewerMin, perViewerMax } = stats;
  const problem = viewersProblem(stats);
  if (problem) return problem;
  if (isComplete && perViewerMin === messages && perViewerMax === messages) return null;
  return `viewers got ${perViewerMin} to ${perViewerMax} of ${messages} messages`;
}
