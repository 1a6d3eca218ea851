// Reads what Redis was made to write, command by command, from its append-only file: everything that ever stood in a
// stream or a list, also what was trimmed the moment after. No reader that has to be fast enough could tell as much.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { compareIds, millisecondsOf } from "./stream-id.mjs";

/**
 * The streams and log lists under a prefix.
 *
 * @param {string} folder Redis' `dir`.
 * @returns {{ streams: Map<string, object>, lines: Map<string, object[]> }} by key; a stream is `{ entries, trims }` with
 * entries `{ id, fields, order, trimmedAtMs }` and trims `{ id, atMs }` (everything up to `id` is gone since then). Lines
 * are `{ text, order }`. `order` counts commands.
 */
export function readHistory(folder, prefix) {
  const history = { streams: new Map(), lines: new Map() };
  /** Trims that wait for the next entry, which tells their time. */
  let undated = [];
  let order = 0;
  for (const [command, ...args] of commandsIn(folder)) {
    order += 1;
    const key = args[0];
    if (!key?.startsWith(`${prefix}:`)) continue;
    switch (command.toUpperCase()) {
      case "XADD": {
        const { length, id, flat } = readXadd(args.slice(1));
        const entry = { id, fields: fieldsOf(flat), order, trimmedAtMs: null };
        const stream = streamOf(history, key);
        stream.entries.push(entry);
        if (length !== null) undated.push(...trim(stream, length));
        for (const dated of undated) dated(millisecondsOf(id));
        undated = [];
        break;
      }
      case "XTRIM":
        undated.push(...trim(streamOf(history, key), lengthIn(args.slice(1))));
        break;
      case "RPUSH":
        if (key.endsWith(":logs")) for (const text of args.slice(1)) linesOf(history, key).push({ text, order });
        break;
      default:
        break;
    }
  }
  for (const dated of undated) dated(Date.now());
  return history;
}

function streamOf({ streams }, key) {
  if (!streams.has(key)) streams.set(key, { entries: [], trims: [], first: 0 });
  return streams.get(key);
}

function linesOf({ lines }, key) {
  if (!lines.has(key)) lines.set(key, []);
  return lines.get(key);
}

/** Redis writes down how many entries were left, whatever it was asked for. */
function trim(stream, length) {
  if (length === null) return [];
  const { entries, trims, first } = stream;
  const end = Math.max(first, entries.length - length);
  if (end === first) return [];
  stream.first = end;
  return [
    (atMs) => {
      for (let index = first; index < end; index += 1) entries[index].trimmedAtMs = atMs;
      trims.push({ id: entries[end - 1].id, atMs });
    },
  ];
}

function lengthIn(args) {
  const at = args.findIndex((arg) => arg.toUpperCase() === "MAXLEN");
  if (at === -1 || args[at + 1] === "~") return null;
  return Number(args[at + 1] === "=" ? args[at + 2] : args[at + 1]);
}

function readXadd(args) {
  const at = args.findIndex((arg) => /^\d+-\d+$/.test(arg));
  return { length: lengthIn(args.slice(0, at)), id: args[at], flat: args.slice(at + 1) };
}

function fieldsOf(flat) {
  const fields = {};
  for (let index = 0; index + 1 < flat.length; index += 2) fields[flat[index]] = flat[index + 1];
  return fields;
}

function* commandsIn(folder) {
  const files = readdirSync(join(folder, "appendonlydir")).filter((name) => name.endsWith(".incr.aof"));
  files.sort((a, b) => Number(a.split(".").at(-3)) - Number(b.split(".").at(-3)));
  for (const file of files) yield* commandsOf(readFileSync(join(folder, "appendonlydir", file)));
}

/** The commands of one file; a last one that is cut short counts for nothing, as Redis itself holds it. */
function* commandsOf(bytes) {
  let at = 0;
  const number = (sign) => {
    const end = bytes.indexOf("\r\n", at);
    if (end === -1 || bytes[at] !== sign.charCodeAt(0)) return null;
    const value = Number(bytes.toString("latin1", at + 1, end));
    at = end + 2;
    return value;
  };
  while (at < bytes.length) {
    const count = number("*");
    if (count === null) return;
    const args = [];
    for (let index = 0; index < count; index += 1) {
      const length = number("$");
      if (length === null || at + length > bytes.length) return;
      args.push(bytes.toString("utf8", at, at + length));
      at += length + 2;
    }
    yield args;
  }
}

/** Whether what was read agrees with what Redis has, as far as it still has it. */
export function agreesWith({ entries, first }, ids) {
  const left = entries.slice(first);
  return left.length === ids.length && left.every(({ id }, index) => compareIds(id, ids[index]) === 0);
}
