// A gap is told where history is gone, and only there.
import { compareIds, laterId, millisecondsOf } from "./stream-id.mjs";

const STREAMS = ["events", "logs"];
/** How long it may take until a hole is told: it may be noticed by a count only, and told together with the next. */
const NOTICED_WITHIN_MS = 2000;

/**
 * Whether a gap says that this entry is missing: one that was trimmed by then, or, at the start of a connection, any up to
 * where the answer says. In the middle it is about what was trimmed next, and nothing after that; or about what was
 * trimmed a moment before.
 */
export function isCovered({ gaps }, queue, stream, { id, trimmedAtMs }) {
  return gaps.some(({ queue: gapQueue, at, before, after, isCatchUp }) => {
    if (gapQueue !== queue) return false;
    const isTrimmed = trimmedAtMs !== null && trimmedAtMs <= at;
    // Noticed late, when entries after it had been shown.
    if (isTrimmed && !isCatchUp && trimmedAtMs > at - NOTICED_WITHIN_MS) return true;
    if (compareIds(id, before[stream]) <= 0) return false;
    const isWithin = after[stream] === null || compareIds(id, after[stream]) <= 0;
    return isCatchUp ? isWithin || isTrimmed : isWithin && isTrimmed;
  });
}

/** Finds gaps that no trimmed entry explains: one that this viewer had not been sent, nor been told of before. */
export function judgeGaps({ queues, bridgeStarts }, { gaps, told: messages }, find) {
  const formers = new Map();
  const shown = new Set(messages.map(({ queue, stream, id }) => `${queue}/${stream}/${id}`));
  for (const gap of gaps) {
    const { at, connection, queue, missed, before } = gap;
    const streams = queues[queue];
    const former = formers.get(`${connection}/${queue}`);
    const trimmed = streams && Object.fromEntries(STREAMS.map((stream) => [stream, trimmedBy(streams[stream], at)]));
    const isSame = isSameCatchUp(gap, former?.gap);
    const told = isSame ? former.trimmed : former?.told;
    const isExplained =
      trimmed &&
      STREAMS.some((stream) => {
        const known = laterId(before[stream], told?.[stream] ?? "0-0");
        if (compareIds(trimmed[stream], known) > 0) return true;
        return (
          compareIds(trimmed[stream], known) === 0 &&
          !former &&
          isBeyondKnowing(streams[stream], known, at, bridgeStarts)
        );
      });
    const times = [...(former?.times ?? []), at];
    const isShown = (stream, id) => shown.has(`${queue}/${stream}/${id}`);
    // A catch-up tells that a cursor reaches nothing any more, and once more if the bridge then finds a hole of its own.
    const isSecond = isSame && !former.isSecond;
    if (!isExplained && !isSecond && !(streams && isLate(streams, times, isShown))) {
      const stand = (position) => (position ? `events ${position.events}, logs ${position.logs}` : "no such queue");
      find("needless-gap", {
        queue,
        at,
        expected: `none: shown up to ${stand(before)}; trimmed up to ${stand(trimmed)}`,
        came: `a gap, ${missed ?? "unknown how many"} missed${former ? ", not the first on this connection" : ""}`,
      });
    }
    if (trimmed)
      formers.set(`${connection}/${queue}`, { gap, trimmed, told: toldBy(gap, trimmed), times, isSecond: isSame });
  }
}

/** How far a gap is about what was trimmed: one of a catch-up only up to where that ended, as the bridge had read no further. */
function toldBy({ isCatchUp, after }, trimmed) {
  const isFurther = (stream) => isCatchUp && after[stream] !== null && compareIds(after[stream], trimmed[stream]) < 0;
  return Object.fromEntries(STREAMS.map((stream) => [stream, isFurther(stream) ? after[stream] : trimmed[stream]]));
}

/** Whether both are told by one catch-up, with nothing shown between. */
function isSameCatchUp({ isCatchUp, before }, former) {
  return isCatchUp && former?.isCatchUp === true && STREAMS.every((stream) => before[stream] === former.before[stream]);
}

/**
 * Where the newest entry a viewer was shown is the newest that was trimmed, nothing is missing. But a bridge that was
 * started since then cannot tell this from a hole, once there are newer entries: Redis does not say what it trimmed.
 */
function isBeyondKnowing({ entries }, id, at, bridgeStarts) {
  if (id === "0-0" || !bridgeStarts.some((startedAt) => startedAt > millisecondsOf(id) && startedAt <= at))
    return false;
  return entries.some((entry) => compareIds(entry.id, id) > 0 && millisecondsOf(entry.id) <= at);
}

/**
 * Whether the last of these gaps is about something that this viewer has never been shown and that was trimmed a moment
 * before: the bridge may notice a hole only by counting, when entries after it have been shown. No trim is told twice. Of
 * a viewer of single jobs this says less, as it is not shown others.
 */
function isLate(streams, times, isShown) {
  const at = times.at(-1);
  const isRecent = (time) => time !== null && time <= at && time > at - NOTICED_WITHIN_MS;
  const trims = STREAMS.flatMap((stream) => streams[stream].trims).filter(({ atMs }) => isRecent(atMs));
  if (times.filter(isRecent).length > trims.length) return false;
  return STREAMS.some((stream) =>
    streams[stream].entries.some(({ id, trimmedAtMs }) => isRecent(trimmedAtMs) && !isShown(stream, id)),
  );
}

/** The newest entry of a stream that was gone by then. */
function trimmedBy({ trims }, at) {
  return trims.filter(({ atMs }) => atMs <= at).reduce((newest, { id }) => laterId(newest, id), "0-0");
}
