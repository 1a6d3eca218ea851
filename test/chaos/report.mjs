// What a run comes to, for people.
import { CHECKS } from "./oracle.mjs";

/** Findings of each check that are shown in full; all of them are in the file. */
const SHOWN_OF_EACH = 5;
/** Faults this close to a finding, in ms, are shown with it. */
const AROUND_MS = 3000;

/** The table at the end; the rows that must be 0 come last. */
export function tableOf({ faults, jobs, viewers, messages, findings }) {
  const counts = new Map();
  for (const { fault } of faults) counts.set(fault, (counts.get(fault) ?? 0) + 1);
  const rows = [...counts].sort().map(([fault, count]) => [`fault: ${fault}`, count]);
  rows.push(["jobs", jobs], ["viewers", viewers], ["messages", messages]);
  for (const row of new Set(Object.values(CHECKS))) {
    rows.push([row, findings.filter(({ check }) => CHECKS[check] === row).length]);
  }
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, count]) => `${name.padEnd(width)}  ${String(count).padStart(9)}`).join("\n");
}

/** Some findings of each kind in full, with the faults around them. */
export function detailsOf(findings, faults) {
  const parts = [];
  for (const check of Object.keys(CHECKS)) {
    const found = findings.filter((finding) => finding.check === check);
    if (found.length === 0) continue;
    parts.push(`\n${check} (${found.length})`);
    for (const finding of found.slice(0, SHOWN_OF_EACH)) parts.push(describe(finding, faults));
    if (found.length > SHOWN_OF_EACH) parts.push(`  ... and ${found.length - SHOWN_OF_EACH} more`);
  }
  return parts.join("\n");
}

/** One line of a fault. */
export function faultLine({ at, fault, ...details }, startedAt) {
  return `${((at - startedAt) / 1000).toFixed(1).padStart(7)} s  ${fault} ${JSON.stringify(details)}`;
}

function describe({ viewer, queue, job, at, expected, came }, faults) {
  const around = faults
    .filter((fault) => at !== null && Math.abs(fault.at - at) <= AROUND_MS)
    .map((fault) => `${fault.fault} ${fault.at < at ? "-" : "+"}${Math.abs(fault.at - at)} ms`);
  return [
    `  viewer ${viewer}${queue === null ? "" : `, queue ${queue}`}${job === null ? "" : `, job ${job}`} at ${at}`,
    `    expected: ${expected}`,
    `    came:     ${came}`,
    `    faults:   ${around.join("; ") || "none within 3 s"}`,
  ].join("\n");
}
