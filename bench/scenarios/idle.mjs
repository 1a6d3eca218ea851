// Connections that do nothing: what each takes of the server's memory, and what it costs to know that they are alive.
import { setTimeout as sleep } from "node:timers/promises";
import { say } from "../../scripts/setup.mjs";
import { connectViewers } from "../support/load-client.mjs";
import { runRounds } from "../support/rounds.mjs";
import * as subjects from "../support/subjects.mjs";

/** Come and go before anything is measured: what the first connections load stays, and is no connection's. */
const FIRST_VIEWERS = 50;
const SETTLE_MS = 500;
const HEARTBEAT_TIMEOUT_CODE = "4408";

const SUBJECTS = [
  { title: "bullcast", server: "bullcast.mjs", viewers: subjects.BULLCAST_VIEWERS },
  {
    title: "bullcast, mute viewers",
    server: "bullcast.mjs",
    viewers: [...subjects.BULLCAST_VIEWERS, "--mute"],
    isMute: true,
  },
  { title: "ws, bare", server: "ws-bare.mjs", viewers: subjects.PLAIN_VIEWERS },
  { title: "socket.io", server: "socket-io.mjs", viewers: subjects.SOCKET_IO_VIEWERS, needs: "socketIo" },
  { title: "Bun", server: "bun.mjs", viewers: subjects.PLAIN_VIEWERS, needs: "bun" },
];

export const idle = {
  columns: [
    { key: "kibibytesEach", title: "RSS KiB/connection", ratio: true, spread: true },
    { key: "rssMebibytes", title: "RSS MiB" },
    { key: "cpuPercent", title: "CPU %", ratio: true },
    { key: "pings", title: "pings" },
    { key: "closed", title: "closed" },
  ],

  run(context) {
    const viewers = context.isQuick ? 200 : 5000;
    const seconds = context.isQuick ? 5 : 60;
    const title = `${viewers.toLocaleString("en-US")} connections, ${seconds} s, CPU of the second half`;
    return runRounds({
      name: "idle",
      subjects: subjects.availableSubjects(SUBJECTS, context),
      cases: [title],
      rounds: context.rounds,
      run: async (subject) => ({ [title]: await measureSubject(subject, { ...context, viewers, seconds }) }),
    });
  },
};

function measureSubject(subject, { client, peers, viewers: count, seconds }) {
  const halfMs = (seconds * 1000) / 2;
  // With what can be collected collected: only what is kept counts.
  return subjects.withServer(subject, { peers, flags: ["--expose-gc"] }, async ({ server, port }) => {
    const first = await connectViewers(client, { port, count: FIRST_VIEWERS, args: subject.viewers });
    await first.stop();
    await sleep(SETTLE_MS);
    // What was collected goes back to the system a moment later.
    await server.ask("rss");
    await sleep(SETTLE_MS);
    const { bytes: bytesBefore } = await server.ask("rss");
    const viewers = await connectViewers(client, { port, count, args: subject.viewers });
    try {
      await sleep(halfMs);
      const before = await server.ask("cpu");
      await sleep(halfMs);
      const after = await server.ask("cpu");
      const stats = await viewers.stats();
      await server.ask("rss");
      await sleep(SETTLE_MS);
      const { bytes } = await server.ask("rss");
      const figures = {
        kibibytesEach: (bytes - bytesBefore) / count / 2 ** 10,
        rssMebibytes: bytes / 2 ** 20,
        cpuPercent: (after.microseconds - before.microseconds) / (halfMs * 10),
        pings: stats.pings,
        closed: stats.closed,
        stats,
        problem: problemOf(stats, subject),
      };
      const { kibibytesEach, cpuPercent, problem } = figures;
      say(`  ${kibibytesEach.toFixed(1)} KiB each, ${cpuPercent.toFixed(2)} % CPU${problem ? `, ${problem}` : ""}`);
      return figures;
    } finally {
      await viewers.stop();
    }
  });
}

/** Mute viewers are closed sooner or later, but for being mute only. */
function problemOf({ closed, closeCodes }, { isMute = false }) {
  const expected = isMute ? (closeCodes[HEARTBEAT_TIMEOUT_CODE] ?? 0) : 0;
  return closed === expected ? null : `${closed} viewers were closed (${JSON.stringify(closeCodes)})`;
}
