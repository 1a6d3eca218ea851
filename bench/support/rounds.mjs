import { say } from "../../scripts/setup.mjs";

/**
 * Runs all subjects in turn, then all again: what else the machine does in a while falls on all of them. Every round
 * begins with another one. A run answers `{case title: figures}`; one that fails counts as `{problem}` in every case.
 *
 * @returns {Promise<Map<string, Map<string, object[]>>>} the figures of each round, by case and subject.
 */
export async function runRounds({ name, subjects, cases, rounds, run }) {
  const results = new Map(cases.map((title) => [title, new Map(subjects.map(({ title }) => [title, []]))]));
  for (let round = 0; round < rounds; round += 1) {
    for (let index = 0; index < subjects.length; index += 1) {
      const subject = subjects[(round + index) % subjects.length];
      say(`${name}: round ${round + 1} of ${rounds}, ${subject.title}`);
      const figures = await attempt(subject, run);
      for (const title of cases)
        results
          .get(title)
          .get(subject.title)
          .push(figures[title] ?? figures);
    }
  }
  return results;
}

async function attempt(subject, run) {
  try {
    return await run(subject);
  } catch (error) {
    say(`  ${subject.title} failed: ${error.message}`);
    return { problem: `failed: ${error.message}` };
  }
}
