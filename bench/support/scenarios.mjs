import { bridge } from "../scenarios/bridge.mjs";
import { fanout } from "../scenarios/fanout.mjs";
import { growth } from "../scenarios/growth.mjs";
import { idle } from "../scenarios/idle.mjs";
import { queues } from "../scenarios/queues.mjs";
import { single } from "../scenarios/single.mjs";
import { slow } from "../scenarios/slow.mjs";
import { steady } from "../scenarios/steady.mjs";
import { topics } from "../scenarios/topics.mjs";
import { prepareLoadClient } from "./load-client.mjs";
import { describeMachine, machineLines } from "./machine.mjs";
import { preparePeers } from "./peers.mjs";
import { mediansOf, medianTable } from "./table.mjs";

const SCENARIOS = { fanout, bridge, steady, single, idle, topics, queues, slow, growth };

/** Runs the scenarios one after the other; answers the report for people and all figures. */
export async function runScenarios({ scenarios, rounds, quick, only }) {
  const peers = preparePeers();
  const client = prepareLoadClient();
  const machine = describeMachine({ client, peers });
  const data = { machine, rounds, isQuick: quick, scenarios: {} };
  const parts = [machineLines(machine), medianLine(rounds, quick)];
  for (const name of scenarios) {
    const scenario = SCENARIOS[name];
    const results = await scenario.run({ client, peers, rounds, isQuick: quick, only });
    parts.push(...textOf(name, results, scenario));
    data.scenarios[name] = dataOf(results, scenario);
  }
  return { text: `\n${parts.join("\n\n")}\n`, data };
}

function medianLine(rounds, quick) {
  const what = rounds === 1 ? "one round" : `medians of ${rounds} interleaved rounds`;
  return `${what}${quick ? ", short ones that only show that everything works" : ""}; ratio: bullcast's figure divided by the row's`;
}

function textOf(name, results, { columns, notes = () => [] }) {
  const tables = [...results].map(([title, bySubject]) => `${name}, ${title}\n${medianTable(bySubject, columns)}`);
  return [...tables, ...notes(results)];
}

function dataOf(results, { columns }) {
  const cases = [...results].map(([title, bySubject]) => {
    const subjects = [...bySubject].map(([subject, rounds]) => [
      subject,
      { median: mediansOf(rounds, columns), rounds },
    ]);
    return [title, Object.fromEntries(subjects)];
  });
  return Object.fromEntries(cases);
}
