// The jobs of a run: what each does is in its data, so that its end can be told beforehand.

/** How often each kind of job comes, by weight. */
const WEIGHTS = {
  plain: 4,
  progress: 4,
  retried: 3,
  failed: 2,
  removed: 3,
  delayed: 2,
  lines: 3,
  removedLines: 2,
  cappedLines: 1,
  logger: 4,
  loggerRetried: 2,
  loggerRemoved: 2,
};

/**
 * The next job: `{ name, data, opts }` as BullMQ takes it, with an id of its own, so that an `add` that is sent again
 * after an outage adds nothing.
 */
export function nextJob(random, number) {
  const kind = random.weighted(WEIGHTS);
  const data = {
    kind,
    number,
    steps: 0,
    stepMs: 0,
    lines: 0,
    loggerLines: 0,
    failFirst: 0,
    result: resultOf(random, number),
  };
  const opts = { jobId: `job-${number}`, attempts: 1 };
  if (kind === "progress" || random.chance(0.2)) data.steps = random.integer(1, 8);
  if (random.chance(0.5)) data.stepMs = random.integer(1, 60);
  if (kind === "retried" || kind === "failed" || kind === "loggerRetried") {
    opts.attempts = random.integer(2, 3);
    data.failFirst = kind === "failed" ? opts.attempts : random.integer(1, opts.attempts - 1);
    if (random.chance(0.6)) opts.backoff = { type: "fixed", delay: random.integer(50, 400) };
  }
  if (kind === "failed" && random.chance(0.3)) Object.assign(opts, { attempts: 1 });
  if (kind === "removed" || kind === "removedLines" || kind === "loggerRemoved") opts.removeOnComplete = true;
  if (kind === "delayed") opts.delay = random.integer(50, 1500);
  if (kind === "lines" || kind === "removedLines" || kind === "cappedLines") data.lines = random.integer(1, 12);
  if (kind === "cappedLines") opts.keepLogs = random.integer(1, 5);
  if (kind.startsWith("logger")) data.loggerLines = random.integer(0, 20);
  return { name: `${kind} job`, data, opts };
}

function resultOf(random, number) {
  return random.pick([null, number, `result ${number}`, { number, nested: { list: [1, "two", null] } }]);
}
