// Judges what one viewer was told against what really happened. A pure function over plain records.
import { judgeEnds } from "./oracle-ends.mjs";
import { judgeEntries } from "./oracle-entries.mjs";
import { judgeGaps } from "./oracle-gaps.mjs";
import { judgeLines } from "./oracle-lines.mjs";
import { readStory } from "./story.mjs";
import { compareIds } from "./stream-id.mjs";

/** What can be found wrong, and the row of the report it counts in. */
export const CHECKS = {
  lost: "silent losses",
  "lost-line": "silent losses",
  "wrong-end": "silent losses",
  duplicate: "duplicates",
  "duplicate-line": "duplicates",
  "needless-gap": "needless gaps",
  order: "wrong order",
  "line-order": "wrong order",
  content: "wrong content",
  "line-content": "wrong content",
  invented: "wrong content",
  answer: "wrong answers",
  refused: "wrong answers",
};

/** Close codes that no fault of a run explains. */
const FAULTY_CLOSES = new Set([1011, 4400, 4401, 4403, 4408, 4410, 4413]);

/**
 * @param {object} truth `{ queues, jobs, bridgeStarts }`: by queue `{ events, logs }`, each `{ entries, trims }` (see
 * `aof.mjs`); jobs `{ queue, id, keepLogs, state, value, end, isRemoved, lines }`, where `end` is the entry that told
 * the end; the times at which the bridge was started.
 * @param {{ id: string, topics: string[], records: object[] }} viewer see `story.mjs` for the records.
 * @param {ReadonlySet<string>} [without] names of checks to leave out.
 * @returns {{ messages: number, findings: object[] }} a finding is `{ check, viewer, queue, job, at, expected, came }`.
 */
export function judge(truth, { id, topics, records }, without = new Set()) {
  const story = readStory(records);
  const findings = [];
  const find = (check, finding) => {
    if (!without.has(check)) findings.push({ check, viewer: id, queue: null, job: null, at: null, ...finding });
  };
  const scope = scopeOf(truth, story, topics);
  const isByJob = topics.length > 0 && topics.every((topic) => topic.startsWith("job:"));
  judgeEntries(truth, story, scope, isByJob, find);
  judgeLines(truth, story, scope, find);
  judgeEnds(truth, story, scope, find);
  judgeGaps(truth, story, find);
  judgeAnswers(story, find);
  return { messages: story.messages, findings };
}

/**
 * From where on a viewer is owed everything: `since(queue, jobId)` answers a position, or null where it is owed nothing.
 * `jobs` are those whose ends it must know.
 */
function scopeOf({ jobs }, { starts }, topics) {
  const isWide = (queue) => topics.find((topic) => topic === "*" || topic === `queue:${queue}`);
  const since = (queue, jobId) => {
    const topic = isWide(queue) ?? (jobId === null ? null : `job:${queue}:${jobId}`);
    const start = starts.get(topic);
    return start ? (start[queue] ?? { events: "0-0", logs: "0-0" }) : null;
  };
  const known = jobs.filter(({ queue, id, end }) => {
    const start = since(queue, id);
    // Who watches a queue is owed what comes; who watches a job is told what it has come to.
    return start && (!isWide(queue) || (end && compareIds(end.id, start.events) > 0));
  });
  return { since, jobs: known, isWide };
}

function judgeAnswers({ answers, errors, closes }, find) {
  for (const { at, since, recovered, gaps } of answers) {
    const isExpected = since !== null && Object.keys(since).length > 0 && gaps === 0;
    if (recovered !== isExpected)
      find("answer", { at, expected: `recovered ${isExpected}`, came: `recovered ${recovered}, ${gaps} gaps` });
  }
  for (const { at, message } of errors)
    find("refused", { at, expected: "no error", came: JSON.stringify(message.content) });
  for (const { at, code } of closes) {
    if (FAULTY_CLOSES.has(code)) find("refused", { at, expected: "no such close", came: `closed with ${code}` });
  }
}
