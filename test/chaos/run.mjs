// `npm run test:chaos`: real queues, workers and viewers, and everything between them breaks; then says what was lost.
import { parseArgs } from "node:util";
import { ensureBuild, ensureDependencies, ensureRedis, runMain, SetupError, say } from "../../scripts/setup.mjs";

const HELP = `Breaks everything between BullMQ workers and viewers, and says what the viewers were not told.

Usage: npm run test:chaos -- [--seed N] [--minutes M] [--verbose] [--keep]

  --seed N          chooses jobs and faults (default: from the clock; printed at the start)
  --minutes M       how long things break, fractions allowed (default 1); coming to rest takes a minute more at most
  --no-faults       nothing breaks: what is found then is plain wrong
  --without CHECK   leaves out one of the oracle's checks; repeatable: lost, lost-line, wrong-end, duplicate,
                    duplicate-line, needless-gap, order, line-order, content, line-content, invented, answer, refused
  --verbose         one line for each fault
  --keep            keeps the raw records also when nothing was found
  --help            this text

Exit code 0 when nothing was found, 1 when something was (the records are kept then), 2 when the run itself failed.
`;

const ARGUMENTS = {
  seed: { type: "string" },
  minutes: { type: "string", default: "1" },
  "no-faults": { type: "boolean", default: false },
  without: { type: "string", multiple: true, default: [] },
  verbose: { type: "boolean", default: false },
  keep: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
};

await runMain(async () => {
  const options = readOptions();
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  await ensureDependencies();
  await ensureRedis();
  await ensureBuild();
  const [{ runChaos, discard }, report] = await Promise.all([import("./chaos-run.mjs"), import("./report.mjs")]);
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      // Whoever asks twice does not want to wait.
      if (stopping.signal.aborted) process.exit(130);
      stopping.abort(new SetupError(`Stopped by ${signal}.`));
    });
  }
  say(`seed ${options.seed}, ${options.minutes} minutes`);
  const startedAt = Date.now();
  let faults = 0;
  const onFault = (fault) => {
    faults += 1;
    if (options.verbose) say(report.faultLine(fault, startedAt));
    else if (process.stderr.isTTY) process.stderr.write(`\r${faults} faults`);
  };
  const onStage = (stage) => say(`${faults > 0 && !options.verbose && process.stderr.isTTY ? "\n" : ""}${stage}`);
  const { signal } = stopping;
  const settings = { ...options, withFaults: !options["no-faults"], without: new Set(options.without) };
  const result = await runChaos({ ...settings, onFault, onStage, signal });
  const { findings, problems, folder } = result;
  if (findings.length > 0) process.stdout.write(`${report.detailsOf(findings, result.faults)}\n`);
  for (const problem of problems) process.stdout.write(`not the bridge's: ${problem}\n`);
  process.stdout.write(`\n${report.tableOf(result)}\n`);
  const isGood = findings.length + problems.length === 0;
  if (isGood && !options.keep) discard(result);
  else
    process.stdout.write(
      `\nraw records: ${folder}\nagain: npm run test:chaos -- --seed ${options.seed} --minutes ${options.minutes}\n`,
    );
  process.exit(findings.length > 0 ? 1 : problems.length > 0 ? 2 : 0);
});

function readOptions() {
  try {
    const { values } = parseArgs({ options: ARGUMENTS });
    const minutes = Number(values.minutes);
    if (!(minutes > 0 && minutes <= 24 * 60))
      throw new Error(`--minutes: expected a number above 0, given "${values.minutes}"`);
    return { ...values, minutes, seed: values.seed ?? String(Date.now() % 1_000_000) };
  } catch (error) {
    say(`${error.message}\n\n${HELP}`);
    process.exit(2);
  }
}
