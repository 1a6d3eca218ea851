// `npm run bench`: bullcast beside what one would use otherwise, on this machine.
import { closeSync, openSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { findRedisServer } from "../scripts/private-redis.mjs";
import { ensureBuild, ensureDependencies, ensureRedis, runMain, say } from "../scripts/setup.mjs";

const SCENARIOS = ["fanout", "bridge", "steady", "single", "idle", "topics", "queues", "slow", "growth"];
const DEFAULT_ROUNDS = 5;

const HELP = `Measures bullcast beside what one would use otherwise.

Usage: npm run bench -- [scenario...] [--rounds N] [--quick] [--only NAME...] [--json FILE]

  fanout       one message to 1,000 and 5,000 viewers, beside socket.io, ws and Bun
  bridge       job events as fast as they can be shown, beside bridges written by hand
  steady       200 job events a second to 1,000 viewers, and 200 jobs a second with log lines to 20, for a minute
  single       one viewer of one job: the latency of a real updateProgress
  idle         5,000 connections that do nothing, for a minute, beside socket.io, ws and Bun
  topics       100 and 10,000 viewers of one job each: what an event costs, bullcast only
  queues       2 and 200 queues: what an event costs Redis, bullcast only
  slow         one of 500 viewers stops reading for a minute: what the others notice, bullcast only
  growth       10 to 5,000 viewers, messages of 250 to 16,000 bytes: what a delivery costs, bullcast only

  --rounds N   how often everything is measured (default ${DEFAULT_ROUNDS}); the medians are printed
  --quick      one short round with few viewers: shows that everything works, and little more
  --only NAME  only subjects with this in their names; repeatable
  --json FILE  writes all that was measured, of every round
  --help       this text

Without a scenario all are run, which takes about two hours. Exit code 0, also when a subject lost
messages, which its row in the table says; 1 when something is missing without which nothing can be measured; 2 when
the command line cannot be used.
`;

const ARGUMENTS = {
  rounds: { type: "string" },
  quick: { type: "boolean", default: false },
  only: { type: "string", multiple: true, default: [""] },
  json: { type: "string" },
  help: { type: "boolean", default: false },
};

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));

await runMain(async () => {
  const options = readOptions();
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  await prepare();
  const { runScenarios } = await import("./support/scenarios.mjs");
  const report = await runScenarios(options);
  process.stdout.write(report.text);
  if (options.json) writeFileSync(options.json, `${JSON.stringify(report.data, null, 2)}\n`);
});
process.exit(0);

async function prepare() {
  await ensureDependencies();
  // A Redis that is in use elsewhere is no help here: every run has one of its own.
  if (!findRedisServer()) delete process.env.REDIS_URL;
  await ensureRedis();
  await ensureBuild();
}

function readOptions() {
  try {
    const { values, positionals } = parseArgs({ options: ARGUMENTS, allowPositionals: true });
    const unknown = positionals.find((name) => !SCENARIOS.includes(name));
    if (unknown) throw new Error(`expected a scenario (${SCENARIOS.join(", ")}), given "${unknown}"`);
    const rounds = Number(values.rounds ?? (values.quick ? 1 : DEFAULT_ROUNDS));
    if (!Number.isInteger(rounds) || rounds < 1)
      throw new Error(`--rounds: expected a whole number above 0, given "${values.rounds}"`);
    // Better now than after all the measuring.
    if (values.json) closeSync(openSync(values.json, "a"));
    return { ...values, rounds, scenarios: positionals.length > 0 ? [...new Set(positionals)] : SCENARIOS };
  } catch (error) {
    say(`${error.message}\n\n${HELP}`);
    process.exit(2);
  }
}
