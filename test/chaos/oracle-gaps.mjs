// A gap is told where history is gone, and only there.
import { compareIds, laterId, millisecondsOf } from "./stream-id.mjs";

const STREAMS = ["events", "logs"];
/** Holes of a queue within this time may be told together, so that a hole is not told before this has passed. */
const EPISODE_MS = 1000;

/**
 * Whether a gap says that this entry is missing: one that was trimmed by then, or, at the start of a connection, any up to
 * where the answer says. In the middle it is about what was trimmed next, and nothing after that.
 */
export function isCovered({ gaps }, queue, stream, { id, trimmedAtMs }) {
  return gaps.some(({ queue: gapQueue, at, before, after, isCatchUp }) => {
    if (gapQueue !== queue || compareIds(id, before[stream]) <= 0) return false;
    const isWithin = after[stream] === null || compareIds(id, after[stream]) <= 0;
    const isTrimmed = trimmedAtMs !== null && trimmedAtMs <= at;
    return isCatchUp ? isWithin || isTrimmed : isWithin && isTrimmed;
  });
}

/** Finds gaps that no trimmed entry explains: one that this viewer had not been sent, nor been told of before. */
export function judgeGaps({ queues, bridgeStarts }, { gaps }, find) {
  const told = new Map();
  for (const { at, connection, queue, missed, before } of gaps) {
    const streams = queues[queue];
    const former = told.get(`${connection}/${queue}`);
    const trimmed = streams && Object.fromEntries(STREAMS.map((stream) => [stream, trimmedBy(streams[stream], at)]));
    const isExplained =
      trimmed &&
      STREAMS.some((stream) => {
        const known = laterId(before[stream], former?.[stream] ?? "0-0");
        if (compareIds(trimmed[stream], known) > 0) return true;
        return (
          compareIds(trimmed[stream], known) === 0 &&
          !former &&
          isBeyondKnowing(streams[stream], known, at, bridgeStarts)
        );
      });
    if (!isExplained && !(former && isOfAnotherTrim(streams, former, at))) {
      const stand = (position) => (position ? `events ${position.events}, logs ${position.logs}` : "no such queue");
      find("needless-gap", {
        queue,
        at,
        expected: `none: shown up to ${stand(before)}; trimmed up to ${stand(trimmed)}`,
        came: `a gap, ${missed ?? "unknown how many"} missed${former ? ", not the first on this connection" : ""}`,
      });
    }
    if (trimmed) told.set(`${connection}/${queue}`, { ...trimmed, times: [...(former?.times ?? []), at] });
  }
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
 * Where there were several trims in a short time, who was told of the first in its catch-up may be told of the next live,
 * although its catch-up ended behind both: Redis says how many entries are missing, not which.
 */
function isOfAnotherTrim(streams, { times }, at) {
  const gaps = times.filter((time) => time > at - EPISODE_MS).length + 1;
  const trims = STREAMS.flatMap((stream) => streams[stream].trims).filter(
    ({ atMs }) => atMs > at - 2 * EPISODE_MS && atMs <= at,
  );
  return gaps > 1 && gaps <= trims.length;
}

/** The newest entry of a stream that was gone by then. */
function trimmedBy({ trims }, at) {
  return trims.filter(({ atMs }) => atMs <= at).reduce((newest, { id }) => laterId(newest, id), "0-0");
}
