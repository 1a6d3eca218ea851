// Many WebSocket viewers in one process. This is the slower of two: native/ holds the same in C, with the same flags,
// commands and answers, and is used where there is a C compiler.
//
//   --port N --count N [--path /ws/%d] [--handshakes N] [--match TEXT] [--match-end TEXT] [--match-line TEXT]
//   [--ready TEXT] [--socket-io] [--mute]
//
// `%d` in the path becomes the viewer's number. Messages that contain --match are counted, as of those only the sender
// knows how many there must be; --match-end and --match-line count two kinds of them once more. A viewer is connected
// after the upgrade, or when it got a message containing --ready. --socket-io speaks socket.io over WebSocket only. --mute
// answers no pings.
//
// Commands come line by line on stdin: stats, reset, wait <matching messages> <timeoutMs>, wait-ends <ends> <timeoutMs>,
// stall <viewers>, resume, quit. Answers are lines of JSON on stdout, whose `event` is the command's name; the first,
// `connected`, comes unasked when no handshake is under way any more.
import { parseArgs } from "node:util";
import { cpuMicroseconds } from "../support/commands.mjs";
import { Histogram } from "./histogram.mjs";
import { Viewer } from "./viewer.mjs";

const { values: options } = parseArgs({
  options: {
    port: { type: "string" },
    count: { type: "string" },
    path: { type: "string", default: "/" },
    handshakes: { type: "string", default: "64" },
    match: { type: "string", default: '"t":' },
    "match-end": { type: "string" },
    "match-line": { type: "string" },
    ready: { type: "string" },
    "socket-io": { type: "boolean", default: false },
    mute: { type: "boolean", default: false },
  },
});
const count = Number(options.count);
const handshakes = Number(options.handshakes);
const viewerOptions = { ...options, matchEnd: options["match-end"], matchLine: options["match-line"] };
const totals = { latency: new Histogram() };
const viewers = [];
const waits = new Map();
let underWay = 0;
let cpuAtReset = 0;
resetTotals();
openMore();

let line = "";
process.stdin.on("data", (chunk) => {
  const lines = (line + chunk).split("\n");
  line = lines.pop();
  for (const complete of lines) run(complete);
});
// Whoever gave the commands is gone.
process.stdin.once("end", () => process.exit(0));

function openMore() {
  while (underWay < handshakes && viewers.length < count) {
    underWay += 1;
    viewers.push(new Viewer(options.path.replace("%d", String(viewers.length)), viewerOptions, totals, settled));
  }
}

function settled() {
  underWay -= 1;
  openMore();
  if (underWay === 0) answer("connected", { connected: numberOf("watching"), failed: numberOf("failed") });
}

function run(text) {
  const [command, ...numbers] = text.split(" ");
  const [first, second] = numbers.map(Number);
  if (command === "quit") process.exit(0);
  else if (command === "stats") answer(command, stats());
  else if (command === "reset") answer(command, resetTotals());
  else if (command === "stall") answer(command, { stalled: stall(first) });
  else if (command === "resume") answer(command, { stalled: stall(0) });
  else if (command === "wait") startWait(command, "matching", first, second);
  else if (command === "wait-ends") startWait(command, "ends", first, second);
  else process.stderr.write(`viewers: not a command: ${text}\n`);
}

/** Looks every few milliseconds: whoever waits takes the time of the last message from `stats`. */
function startWait(name, counter, target, timeoutMs) {
  const deadline = Date.now() + timeoutMs;
  clearInterval(waits.get(name));
  const look = () => {
    const isComplete = totals[counter] >= target;
    if (!isComplete && Date.now() < deadline) return;
    clearInterval(waits.get(name));
    answer(name, { received: totals[counter], isComplete });
  };
  waits.set(name, setInterval(look, 5));
}

function stall(howMany) {
  const watching = viewers.filter(({ state }) => state === "watching");
  for (const viewer of watching.slice(howMany)) viewer.resume();
  for (const viewer of watching.slice(0, howMany)) viewer.stall();
  return Math.min(howMany, watching.length);
}

function stats() {
  const closeCodes = {};
  for (const { closeCode } of viewers) if (closeCode) closeCodes[closeCode] = (closeCodes[closeCode] ?? 0) + 1;
  return {
    connected: numberOf("watching"),
    closed: numberOf("closed"),
    failed: numberOf("failed"),
    closeCodes,
    ...totals,
    cpuMicroseconds: cpuMicroseconds() - cpuAtReset,
    perViewerMin: lowest("matching"),
    perViewerMax: highest("matching"),
    endsPerViewerMin: lowest("ends"),
    endsPerViewerMax: highest("ends"),
    linesPerViewerMin: lowest("lines"),
    linesPerViewerMax: highest("lines"),
    latency: totals.latency.summary(),
  };
}

function resetTotals() {
  totals.latency.reset();
  cpuAtReset = cpuMicroseconds();
  const zero = { messages: 0, bytes: 0, pings: 0, matching: 0, ends: 0 };
  Object.assign(totals, zero, { lastMatchingMicroseconds: 0, lastEndMicroseconds: 0 });
  for (const viewer of viewers) Object.assign(viewer, { matching: 0, ends: 0, lines: 0 });
}

function numberOf(state) {
  return viewers.filter((viewer) => viewer.state === state).length;
}

function lowest(counter) {
  return viewers.reduce((least, viewer) => Math.min(least, viewer[counter]), Number.POSITIVE_INFINITY);
}

function highest(counter) {
  return viewers.reduce((most, viewer) => Math.max(most, viewer[counter]), 0);
}

function answer(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}
