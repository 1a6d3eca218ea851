// Ids of Redis stream entries, and the cursors made of them. Written apart from the bridge's own code, which it judges.

/** Orders stream ids: negative when `a` comes before `b`. */
export function compareIds(a, b) {
  const [aMs, aSequence] = a.split("-");
  const [bMs, bSequence] = b.split("-");
  return Number(aMs) - Number(bMs) || Number(aSequence ?? 0) - Number(bSequence ?? 0);
}

/** The later of two ids. */
export function laterId(a, b) {
  return compareIds(a, b) < 0 ? b : a;
}

/** Milliseconds part of an id: Redis' clock. */
export function millisecondsOf(id) {
  return Number(id.slice(0, id.indexOf("-")));
}

/** What a cursor says of the two streams of its queue, or null when it is none. */
export function decodeCursor(cursor) {
  const [version, , events, logs] = Buffer.from(String(cursor), "base64url").toString("latin1").split(":");
  return version === "1" && events && logs ? { events, logs } : null;
}
