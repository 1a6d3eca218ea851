// Every viewer watches a job of its own: what an event costs that concerns one of few, and one of many.
import { setTimeout as sleep } from "node:timers/promises";
import { say } from "../../scripts/setup.mjs";
import { readConflated } from "../support/bridge-subjects.mjs";
import { connectViewers, viewersProblem } from "../support/load-client.mjs";
import { formatNumber } from "../support/numbers.mjs";
import { askRedis, commandCount } from "../support/redis-info.mjs";
import { runRounds } from "../support/rounds.mjs";
import { availableSubjects, BULLCAST_VIEWERS, withServer } from "../support/subjects.mjs";
import { mediansOf } from "../support/table.mjs";
import { withWriter } from "../support/writer.mjs";

const EVENTS_PER_SECOND = 500;
const INTERVAL_MS = 1000 / EVENTS_PER_SECOND;
const WARM_UP_SECONDS = 2;
const SETTLE_MS = 500;
/** How long what is not there after the last event is waited for. */
const GRACE_MS = 2_000;
const TIMEOUT_MS = 30_000;
/** Of an event that the writer writes: to the job's hash and to the stream. */
const WRITERS_COMMANDS_PER_EVENT = 2;

const columns = [
  { key: "cpuPerEvent", title: "CPU us/event", ratio: true, spread: true },
  { key: "commandsPerSecond", title: "Redis commands/s" },
  { key: "p50", title: "p50 ms", ratio: true },
  { key: "p99", title: "p99 ms", ratio: true },
  { key: "rssMebibytes", title: "RSS MiB" },
  { key: "conflated", title: "conflated" },
];

export const topics = {
  columns,

  run(context) {
    const seconds = context.isQuick ? 3 : 10;
    const title = `each viewer watches its own job, ${EVENTS_PER_SECOND} events a second`;
    // Few and many take turns, as subjects do, so that they can be compared.
    const subjects = (context.isQuick ? [20, 200] : [100, 10_000]).map((viewers) => ({
      title: `bullcast, ${viewers.toLocaleString("en-US")} viewers`,
      server: "bullcast.mjs",
      viewers,
    }));
    return runRounds({
      name: "topics",
      subjects: availableSubjects(subjects, context),
      cases: [title],
      rounds: context.rounds,
      run: async (subject) => ({ [title]: await measureSubject(subject, { ...context, seconds }) }),
    });
  },

  notes(results) {
    return [...results.values()].flatMap((bySubject) => {
      const [few, many] = [...bySubject].map(([title, rounds]) => ({ title, ...mediansOf(rounds, columns) }));
      if (!many) return [];
      const ratios = ["cpuPerEvent", "p50", "p99"].map((key) => `${formatNumber(many[key] / few[key])}x`);
      return [
        `topics: ${many.title} / ${few.title}: CPU per event ${ratios[0]}, p50 ${ratios[1]}, p99 ${ratios[2]}; ` +
          "Redis commands are those of the server, without the writer's",
      ];
    });
  },
};

function measureSubject(subject, { client, peers, seconds }) {
  const jobs = subject.viewers;
  return withServer(subject, { peers }, ({ redisUrl, server, port }) =>
    withWriter("writer.mjs", redisUrl, async (writer) => {
      // Known to Redis before anybody asks: nothing has to be read again for what is measured.
      await writer.ask("begin", { jobs });
      const args = ["--path", "/ws?job=bench:job-%d", ...BULLCAST_VIEWERS.slice(2)];
      const viewers = await connectViewers(client, { port, count: jobs, args });
      try {
        await sleep(SETTLE_MS);
        await writeAndWait({ writer, viewers, jobs, seconds: WARM_UP_SECONDS });
        const conflatedBefore = await readConflated(subject, port);
        const commandsBefore = await askRedis(redisUrl, commandCount);
        const before = await server.ask("cpu");
        const { events, writing, stats } = await writeAndWait({ writer, viewers, jobs, seconds });
        const { microseconds } = await server.ask("cpu");
        const commands =
          (await askRedis(redisUrl, commandCount)) - commandsBefore - WRITERS_COMMANDS_PER_EVENT * events;
        const { bytes } = await server.ask("rss");
        const conflated = (await readConflated(subject, port)) - conflatedBefore;
        const missing = events - stats.matching;
        const figures = {
          cpuPerEvent: (microseconds - before.microseconds) / events,
          commandsPerSecond: (commands * 1e6) / (writing.finishedAtMicroseconds - writing.startedAtMicroseconds),
          p50: stats.latency.p50,
          p99: stats.latency.p99,
          rssMebibytes: bytes / 2 ** 20,
          conflated,
          stats,
          problem:
            viewersProblem(stats) ??
            (missing === conflated
              ? null
              : `${missing} of ${events} are missing, ${conflated} are said to be replaced`),
        };
        say(`  ${figures.cpuPerEvent.toFixed(0)} us/event, p99 ${figures.p99} ms`);
        return figures;
      } finally {
        await viewers.stop();
      }
    }),
  );
}

async function writeAndWait({ writer, viewers, jobs, seconds }) {
  const events = seconds * EVENTS_PER_SECOND;
  await viewers.reset();
  const timeoutMs = seconds * 1000 + TIMEOUT_MS;
  const writing = await writer.ask("turns", { jobs, events, intervalMs: INTERVAL_MS, timeoutMs });
  await viewers.waitFor("messages", events, GRACE_MS);
  return { events, writing, stats: await viewers.stats() };
}
