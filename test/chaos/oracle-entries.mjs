// Each stream entry that makes a message was shown once, in order and unchanged, or its absence was told.
import { isCovered } from "./oracle-gaps.mjs";
import { compareIds } from "./stream-id.mjs";
import { tellable } from "./tellable.mjs";

export function judgeEntries({ queues }, story, scope, isByJob, find) {
  const shown = indexShown(story, queues, isByJob, find);
  for (const [queue, streams] of Object.entries(queues)) {
    for (const [stream, { entries }] of Object.entries(streams)) {
      for (const entry of entries) {
        const told = tellable(stream, entry);
        if (!told) continue;
        const start = scope.since(queue, told.jobId);
        if (!start || compareIds(entry.id, start[stream]) <= 0) continue;
        if (told.jobId === null && !scope.isWide(queue)) continue;
        const place = { queue, stream, job: told.jobId, entry };
        const message = shown.get(`${queue}/${stream}/${entry.id}`);
        if (message) judgeMessage(place, told, message, find);
        else if (!isExcused(story, place)) {
          find("lost", {
            queue,
            job: told.jobId,
            at: atMsOf(entry),
            expected: describe(entry),
            came: "nothing, and no gap",
          });
        }
      }
    }
  }
  judgeLinesBeforeEnds(queues, shown, find);
}

/** Messages by the entry they tell; finds entries told twice, out of order, or that there never were. */
function indexShown({ told }, queues, isByJob, find) {
  const known = new Map();
  for (const [queue, streams] of Object.entries(queues)) {
    for (const [stream, { entries }] of Object.entries(streams)) {
      for (const entry of entries) if (tellable(stream, entry)) known.set(`${queue}/${stream}/${entry.id}`, entry);
    }
  }
  const shown = new Map();
  const newest = new Map();
  for (const item of told) {
    const { queue, stream, id, at, message } = item;
    const place = { queue, job: message.meta.task_id ?? null, at };
    const key = `${queue}/${stream}/${id}`;
    const former = shown.get(key);
    // A topic that is added to others catches up by itself: order is kept within each job then, not between them.
    const order = `${queue}/${stream}/${isByJob ? place.job : ""}`;
    const last = newest.get(order);
    if (former) {
      find("duplicate", {
        ...place,
        expected: `${message.type} ${id} once`,
        came: `again, ${at - former.at} ms after the first`,
      });
      continue;
    }
    shown.set(key, item);
    if (!known.has(key))
      find("invented", { ...place, expected: "no message", came: `${message.type} with the position ${id}` });
    if (last && compareIds(id, last.id) < 0) {
      find("order", {
        ...place,
        expected: `${message.type} ${id} before ${last.message.type} ${last.id}`,
        came: `${at - last.at} ms after it`,
      });
    } else newest.set(order, item);
  }
  return shown;
}

function judgeMessage({ queue, job, entry }, { types, content }, { at, message }, find) {
  const isRight =
    types.includes(message.type) &&
    (message.meta.task_id ?? null) === job &&
    (content === undefined ||
      "omitted_bytes" in message.meta ||
      JSON.stringify(content) === JSON.stringify(message.content));
  if (isRight) return;
  const came = `${message.type} ${JSON.stringify(message.content)} of ${message.meta.task_id}`;
  find("content", { queue, job, at, expected: describe(entry), came });
}

/** Whether the viewer was told, in one way or another, that it would not be shown this entry. */
function isExcused(story, { queue, stream, job, entry }) {
  if (isCovered(story, queue, stream, entry)) return true;
  if (job === null) return false;
  if (stream === "logs" && story.marks.some(({ key }) => key === `${queue}:${job}`)) return true;
  return story.snapshots.some((snapshot) => isWithin(snapshot, story, { queue, stream, job, entry }));
}

/**
 * Whether a snapshot holds what the entry says. It is taken some time before it comes; what is shown of the job after it
 * says that everything between them had to be shown too. One that was not asked for, without a gap before it, repairs what
 * nobody admitted.
 */
function isWithin({ key, index, at, connection, isAsked }, { gaps, toldOfJob }, { queue, stream, job, entry }) {
  if (key !== `${queue}:${job}` || atMsOf(entry) > at) return false;
  const isTold = gaps.some((gap) => gap.index < index && gap.connection === connection && gap.queue === queue);
  if (!isTold && !isAsked) return false;
  const next = (toldOfJob.get(key) ?? []).find((item) => item.index > index && item.stream === stream);
  return !next || compareIds(entry.id, next.id) < 0;
}

/** What a worker wrote before its processor returned comes before the end: by the order in which Redis took them. */
function judgeLinesBeforeEnds(queues, shown, find) {
  for (const [queue, { events, logs }] of Object.entries(queues)) {
    const ends = new Map();
    for (const entry of events.entries) {
      const { event, jobId } = entry.fields;
      if (event === "completed" || event === "failed") ends.set(jobId, [...(ends.get(jobId) ?? []), entry]);
    }
    for (const line of logs.entries) {
      const item = shown.get(`${queue}/logs/${line.id}`);
      const end = (ends.get(line.fields.job) ?? []).find(({ order }) => order > line.order);
      const endItem = end && shown.get(`${queue}/events/${end.id}`);
      if (!item || !endItem || item.index < endItem.index) continue;
      const expected = `the line "${line.fields.msg}" (${line.id}) before the end (${end.id})`;
      find("order", {
        queue,
        job: line.fields.job,
        at: item.at,
        expected,
        came: `${item.at - endItem.at} ms after it`,
      });
    }
  }
}

function atMsOf({ id }) {
  return Number(id.split("-")[0]);
}

function describe({ id, fields }) {
  return `${id} ${JSON.stringify(fields).slice(0, 200)}`;
}
