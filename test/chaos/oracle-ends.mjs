// Every job a viewer knows of ends in its right final state, as somebody sees it who believes the newest message.
import { compareIds } from "./stream-id.mjs";

export function judgeEnds(_truth, story, { jobs }, find) {
  for (const job of jobs) {
    const { queue, id, state, value, end } = job;
    const newest = story.states.get(`${queue}:${id}`)?.at(-1) ?? null;
    if (newest?.state === state && JSON.stringify(newest.value) === JSON.stringify(value)) continue;
    if (isTold(job, newest, story)) continue;
    find("wrong-end", {
      queue,
      job: id,
      at: end ? Number(end.id.split("-")[0]) : job.at,
      expected: `${state} ${JSON.stringify(value)}`,
      came: newest ? `${newest.type} ${newest.state} ${JSON.stringify(newest.value)}` : "no end at all",
    });
  }
}

/** Whether the viewer was told that it cannot know: what was gone could not be given, and a gap or the answer said so. */
function isTold({ queue, isRemoved, end }, newest, { gaps }) {
  if (!end) return false;
  const isGapOverEnd = gaps.some(
    (gap) =>
      gap.queue === queue &&
      Number(end.id.split("-")[0]) <= gap.at &&
      compareIds(end.id, gap.before.events) > 0 &&
      (isRemoved || gap.truncated),
  );
  const isOpen =
    newest === null || newest.state === "open" || !/^(completed|failed|removed|unknown)$/.test(newest.state);
  if (isOpen) return isGapOverEnd;
  const saysGone = newest.state === "removed" || newest.state === "unknown";
  return isRemoved && saysGone && (isGapOverEnd || (end.trimmedAtMs !== null && end.trimmedAtMs <= newest.at));
}
