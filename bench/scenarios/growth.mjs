// How what one delivery costs bullcast changes with the number of viewers, and with the size of the messages.
import { say } from "../../scripts/setup.mjs";
import { DEFAULT_BYTES } from "../support/broadcast.mjs";
import { runRounds } from "../support/rounds.mjs";
import { availableSubjects, BULLCAST_VIEWERS, WARM_UP_DELIVERIES, withSubject } from "../support/subjects.mjs";
import { measureFanout } from "./fanout.mjs";

const VIEWERS = [10, 100, 1000, 5000];
const BYTES = [DEFAULT_BYTES, 1000, 4000, 16_000];
const DELIVERIES = 150_000;

const TITLE = "one message at a time, and ten";

export const growth = {
  columns: [
    { key: "pacedCpu", title: "one: CPU us/delivery", spread: true },
    { key: "pacedP99", title: "p99 ms" },
    { key: "tensCpu", title: "ten: CPU us/delivery", spread: true },
    { key: "tensP99", title: "p99 ms" },
  ],

  run(context) {
    const byViewers = VIEWERS.map((viewers) => ({ viewers, bytes: DEFAULT_BYTES }));
    const byBytes = BYTES.slice(1).map((bytes) => ({ viewers: 1000, bytes }));
    const subjects = [...byViewers, ...byBytes]
      .filter(({ viewers }) => !context.isQuick || viewers <= 100)
      .map(({ viewers, bytes }) => ({
        title: `bullcast, ${viewers.toLocaleString("en-US")} viewers, ${bytes.toLocaleString("en-US")} bytes`,
        server: "bullcast.mjs",
        viewers: BULLCAST_VIEWERS,
        count: viewers,
        bytes,
      }));
    return runRounds({
      name: "growth",
      subjects: availableSubjects(subjects, context),
      cases: [TITLE],
      rounds: context.rounds,
      run: async (subject) => ({ [TITLE]: await measureSubject(subject, context) }),
    });
  },
};

function measureSubject(subject, context) {
  const { count, bytes } = subject;
  return withSubject(subject, { ...context, viewers: count }, async ({ server, viewers }) => {
    const measure = (mode, deliveries) => measureFanout(mode, { server, viewers, count, deliveries, bytes });
    const deliveries = context.isQuick ? DELIVERIES / 10 : DELIVERIES;
    const measureWarm = async (mode) => {
      await measure(mode, WARM_UP_DELIVERIES);
      return measure(mode, deliveries);
    };
    const [paced, tens] = [await measureWarm("paced"), await measureWarm("tens")];
    say(`  ${paced.cpuPerDelivery.toFixed(2)} us/delivery, ${tens.cpuPerDelivery.toFixed(2)} in tens`);
    return {
      pacedCpu: paced.cpuPerDelivery,
      pacedP99: paced.p99,
      tensCpu: tens.cpuPerDelivery,
      tensP99: tens.p99,
      problem: paced.problem ?? tens.problem,
    };
  });
}
