// What one viewer was told, sorted out of the raw sequence it received.
import { compareIds, decodeCursor, laterId } from "./stream-id.mjs";

const START = { events: "0-0", logs: "0-0" };

/**
 * @param {readonly object[]} records what a viewer wrote down, in order: `{ at, kind: "open" }`, `{ at, kind: "close",
 * code }`, `{ at, kind: "subscribe", topics, since? }`, `{ at, kind: "message", message }`.
 */
export function readStory(records) {
  const story = {
    /** Messages with a cursor: `{ index, at, queue, stream, id, message }`. */
    told: [],
    /** The same by `queue:job`. */
    toldOfJob: new Map(),
    /** `{ index, at, connection, queue, before, after, isCatchUp, truncated }`; `after` by stream, null until known. */
    gaps: [],
    /** `{ index, at, connection, key, content, isAsked }`; `isAsked` when a topic that begins was answered with it. */
    snapshots: [],
    /** Lines of job.log(): `{ index, at, key, line, text, isLate, isOfSnapshot, stand, resumedFrom }`, see `standOf`. */
    lines: [],
    /** Marks of missing lines: `{ index, at, key, dropped }`. */
    marks: [],
    /** Ends of runs and what opens them again, by job: `{ index, at, state, value }`, newest last. */
    states: new Map(),
    /** Where a topic began, by topic and queue. */
    starts: new Map(),
    errors: [],
    closes: [],
    /** Answers to `subscribe`: `{ at, hadSince, recovered, gaps }`. */
    answers: [],
    messages: 0,
  };
  const positions = new Map();
  const state = { connection: 0, asked: [], gapsOfAnswer: 0, since: {} };
  for (const [index, record] of records.entries()) {
    if (record.kind === "open")
      Object.assign(state, { connection: state.connection + 1, asked: [], gapsOfAnswer: 0, since: {} });
    else if (record.kind === "close") story.closes.push(record);
    else if (record.kind === "subscribe") {
      state.asked.push(record);
      if (record.since) state.since = record.since;
    } else take(story, positions, state, index, record);
  }
  return story;
}

function take(story, positions, state, index, { at, message }) {
  story.messages += 1;
  const { type, content, meta } = message;
  const { connection } = state;
  const key = meta.task_id === undefined ? null : `${meta.queue}:${meta.task_id}`;
  if (type === "error") story.errors.push({ at, message });
  if (type === "gap") {
    state.gapsOfAnswer += 1;
    const before = { ...(positions.get(content.queue) ?? START) };
    const isCatchUp = state.asked.length > 0 && state.asked[0].since !== undefined;
    const { queue, missed, truncated = false } = content;
    // When the bridge made it, as a viewer that stalls may get it much later.
    const madeAt = message.timestamp === undefined ? at : Math.min(at, Date.parse(message.timestamp));
    story.gaps.push({
      index,
      at: madeAt,
      connection,
      queue,
      missed,
      truncated,
      before,
      after: { events: null, logs: null },
      isCatchUp,
    });
  }
  if (type === "snapshot") {
    const isAsked = state.asked.some(({ topics, since }) => !since && topics.includes(`job:${key}`));
    story.snapshots.push({ index, at, connection, key, content, isAsked });
    for (const { line, content: text } of content.logs ?? []) {
      const place = { index, at, key, ...standOf(positions, state, meta.queue) };
      if (typeof line === "number") story.lines.push({ ...place, line, text, isLate: true, isOfSnapshot: true });
    }
  }
  if (type === "logs" && meta.dropped !== undefined) story.marks.push({ index, at, key, dropped: meta.dropped });
  else if (type === "logs" && !meta.cursor && typeof meta.line === "number") {
    const place = { index, at, key, ...standOf(positions, state, meta.queue) };
    story.lines.push({ ...place, line: meta.line, text: content, isLate: meta.late === true, isOfSnapshot: false });
  }
  if (meta.cursor) tell(story, positions, index, at, message);
  const cursors = (type === "subscribed" ? content.cursors : meta.cursors) ?? {};
  for (const [queue, cursor] of Object.entries(cursors)) advance(story, positions, queue, decodeCursor(cursor), type);
  if (type === "subscribed") answer(story, positions, state, at, content);
  const job = stateAfter(type, content);
  if (key !== null && job !== null) addTo(story.states, key, { index, at, type, ...job });
}

/** Where a viewer stood in a queue when a line without a cursor came, and from where its connection had been resumed. */
function standOf(positions, { connection, since }, queue) {
  const text = (position) => position && `${position.events} ${position.logs}`;
  const resumedFrom = since[queue] === undefined ? null : text(decodeCursor(since[queue]));
  return { connection, stand: text(positions.get(queue) ?? START), resumedFrom };
}

function tell(story, positions, index, at, message) {
  const { queue, cursor } = message.meta;
  const position = decodeCursor(cursor);
  const stream = message.type === "logs" ? "logs" : "events";
  const item = { index, at, queue, stream, id: position[stream], message };
  story.told.push(item);
  if (message.meta.task_id !== undefined) addTo(story.toldOfJob, `${queue}:${message.meta.task_id}`, item);
  advance(story, positions, queue, position, message.type);
}

function advance({ gaps }, positions, queue, position, type) {
  const known = positions.get(queue) ?? START;
  const next = { events: laterId(known.events, position.events), logs: laterId(known.logs, position.logs) };
  positions.set(queue, next);
  // Newest first; those before are closed already.
  for (let index = gaps.length - 1; index >= 0; index -= 1) {
    const gap = gaps[index];
    if (gap.queue !== null && gap.queue !== queue) continue;
    // A catch-up that ended in a gap goes on where the answer says.
    if (gap.isCatchUp && gap.after.events === null && type !== "subscribed") break;
    let isOpen = false;
    for (const stream of ["events", "logs"]) {
      if (gap.after[stream] !== null) continue;
      isOpen = true;
      if (gap.isCatchUp || compareIds(next[stream], gap.before[stream]) > 0) gap.after[stream] = next[stream];
    }
    if (!isOpen) break;
  }
}

function answer(story, positions, state, at, { topics, recovered }) {
  const asked = state.asked.shift();
  story.answers.push({ at, since: asked?.since ?? null, recovered, gaps: state.gapsOfAnswer });
  state.gapsOfAnswer = 0;
  for (const topic of topics) if (!story.starts.has(topic)) story.starts.set(topic, Object.fromEntries(positions));
}

function stateAfter(type, content) {
  if (type === "task_success") return { state: "completed", value: content };
  if (type === "task_failed") return { state: "failed", value: content };
  if (type === "task_removed") return { state: "removed", value: null };
  if (type === "snapshot") {
    return { state: content.state, value: content.state === "failed" ? content.failed_reason : content.result };
  }
  return type === "task_added" || type === "task_waiting" ? { state: "open", value: null } : null;
}

function addTo(lists, key, item) {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}
