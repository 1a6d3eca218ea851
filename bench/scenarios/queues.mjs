// Few queues and many, with the same number of events over all of them: what each event costs Redis.
import { setTimeout as sleep } from "node:timers/promises";
import { say } from "../../scripts/setup.mjs";
import { connectViewers, viewersProblem } from "../support/load-client.mjs";
import { formatNumber } from "../support/numbers.mjs";
import { askRedis, commandCount, connectionsNamed, redisCpuMicroseconds } from "../support/redis-info.mjs";
import { runRounds } from "../support/rounds.mjs";
import { availableSubjects, BULLCAST_VIEWERS, withRedis, withServer } from "../support/subjects.mjs";
import { mediansOf } from "../support/table.mjs";
import { withWriter } from "../support/writer.mjs";

const EVENTS_PER_SECOND = 1000;
const INTERVAL_MS = 1000 / EVENTS_PER_SECOND;
const WARM_UP_SECONDS = 2;
const SETTLE_MS = 1_000;
/** How long what is not there after the last event is waited for. */
const GRACE_MS = 2_000;
const TIMEOUT_MS = 30_000;

const columns = [
  { key: "redisCpuPerEvent", title: "Redis CPU us/event", ratio: true, spread: true },
  { key: "connections", title: "connections" },
  { key: "blocking", title: "blocking" },
  { key: "idleCommandsPerMinute", title: "idle commands/min" },
  { key: "events", title: "events" },
];

export const queues = {
  columns,

  run(context) {
    const seconds = context.isQuick ? 3 : 10;
    const idleSeconds = context.isQuick ? 3 : 20;
    const title = `one viewer of all queues, ${EVENTS_PER_SECOND.toLocaleString("en-US")} events a second over all`;
    // Few and many take turns, as subjects do, so that they can be compared.
    const subjects = [true, false].flatMap((hasBridge) =>
      (context.isQuick ? [2, 20] : [2, 200]).map((count) => ({
        title: `${hasBridge ? "bullcast" : "without a bridge"}, ${count} queues`,
        server: hasBridge ? "bullcast.mjs" : null,
        names: Array.from({ length: count }, (_, index) => `queue-${index}`),
      })),
    );
    return runRounds({
      name: "queues",
      subjects: availableSubjects(subjects, context),
      cases: [title],
      rounds: context.rounds,
      run: async (subject) => ({ [title]: await measureSubject(subject, { ...context, seconds, idleSeconds }) }),
    });
  },

  notes(results) {
    return [...results.values()].flatMap((bySubject) => {
      const rows = [...bySubject].map(([title, rounds]) => ({ title, ...mediansOf(rounds, columns) }));
      if (rows.length < 4) return [];
      const [few, many, fewWritten, manyWritten] = rows.map(({ redisCpuPerEvent }) => redisCpuPerEvent);
      const ofBridge = (many - manyWritten) / (few - fewWritten);
      return [
        `queues: ${rows[1].title} / ${rows[0].title}: Redis CPU per event ${formatNumber(many / few)}x, ` +
          `${formatNumber(ofBridge)}x without what the writing alone costs`,
      ];
    });
  },
};

async function measureSubject(subject, context) {
  const figures = subject.server ? await measureBridge(subject, context) : await measureWriting(subject, context);
  const { redisCpuPerEvent, problem } = figures;
  say(`  ${redisCpuPerEvent.toFixed(1)} us of Redis' CPU per event${problem ? `, ${problem}` : ""}`);
  return figures;
}

function measureBridge({ names, ...subject }, { client, peers, seconds, idleSeconds }) {
  return withServer(subject, { peers, args: ["--queues", names.join()] }, async ({ redisUrl, port }) => {
    const viewers = await connectViewers(client, { port, count: 1, args: BULLCAST_VIEWERS });
    try {
      await sleep(SETTLE_MS);
      const idle = await askRedis(redisUrl, (redis) => measureIdle(redis, idleSeconds));
      const { events, redisCpuPerEvent } = await writeAndWait({ redisUrl, names, seconds, viewers });
      const stats = await viewers.stats();
      const isComplete = stats.matching === events;
      return {
        redisCpuPerEvent,
        ...idle,
        events: stats.matching,
        stats,
        problem: viewersProblem(stats) ?? (isComplete ? null : `the viewer got ${stats.matching} of ${events} events`),
      };
    } finally {
      await viewers.stop();
    }
  });
}

/** What the same writing costs Redis when nobody reads. */
function measureWriting({ names }, { seconds }) {
  return withRedis((redisUrl) => writeAndWait({ redisUrl, names, seconds }));
}

async function measureIdle(redis, seconds) {
  const before = await commandCount(redis);
  await sleep(seconds * 1000);
  // One of them is the question before.
  const commands = (await commandCount(redis)) - before - 1;
  return { ...(await connectionsNamed(redis, "bullcast")), idleCommandsPerMinute: (commands * 60) / seconds };
}

function writeAndWait({ redisUrl, names, seconds, viewers }) {
  const write = (writer, events) =>
    writer.ask("spread", { queues: names, events, intervalMs: INTERVAL_MS, timeoutMs: seconds * 1000 + TIMEOUT_MS });
  return withWriter("writer.mjs", redisUrl, (writer) =>
    askRedis(redisUrl, async (redis) => {
      const warmUp = WARM_UP_SECONDS * EVENTS_PER_SECOND;
      await write(writer, warmUp);
      await viewers?.waitFor("messages", warmUp, GRACE_MS);
      await viewers?.reset();
      const events = seconds * EVENTS_PER_SECOND;
      const before = await redisCpuMicroseconds(redis);
      await write(writer, events);
      await viewers?.waitFor("messages", events, GRACE_MS);
      return { events, redisCpuPerEvent: ((await redisCpuMicroseconds(redis)) - before) / events };
    }),
  );
}
