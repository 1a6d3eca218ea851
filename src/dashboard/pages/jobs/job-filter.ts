import type { ListedState } from "../../../protocol/queue-summary.ts";
import type { JobState } from "../../../protocol/snapshot.ts";
import { JOB_STATES } from "../../../protocol/snapshot.ts";
import type { JobRow } from "./job-row.ts";

/** States that can be filtered by, in the order in which they are offered. */
export const FILTER_STATES = [
  "active",
  "waiting",
  "prioritized",
  "delayed",
  "waiting-children",
  "failed",
  "completed",
] as const satisfies readonly JobState[];

export type FilterState = (typeof FILTER_STATES)[number];

/** By which one jobs listed under a state are found: those that a paused queue has set aside wait. */
export function filterStateOf(state: ListedState): FilterState {
  return state === "paused" ? "waiting" : state;
}

/** What the table shows; what is empty or null lets everything pass. Upper and lower case are the same. */
export interface JobFilter {
  queue: string | null;
  states: readonly FilterState[];
  /** Part of the name. */
  name: string;
  /** Part of the id. */
  id: string;
  /** Part of anything that is shown of a job. */
  text: string;
}

export const NO_FILTER: JobFilter = { queue: null, states: [], name: "", id: "", text: "" };

/** Reads a filter from the query of an address; what it cannot use it leaves out. */
export function readFilter(query: URLSearchParams): JobFilter {
  const asked = new Set(query.getAll("state"));
  return {
    queue: query.get("queue") || null,
    states: FILTER_STATES.filter((state) => asked.has(state)),
    name: query.get("name") ?? "",
    id: query.get("id") ?? "",
    text: query.get("text") ?? "",
  };
}

/** Writes it there, so that the address leads others to the same view. */
export function writeFilter({ queue, states, name, id, text }: JobFilter): URLSearchParams {
  const query = new URLSearchParams();
  if (queue !== null) query.set("queue", queue);
  for (const state of states) query.append("state", state);
  for (const [key, value] of Object.entries({ name, id, text })) if (value !== "") query.set(key, value);
  return query;
}

/** Whether a filter lets everything pass, but for the queue. */
export function isUnfiltered(filter: JobFilter): boolean {
  return filter.states.length === 0 && !isSearch(filter);
}

/** Whether something is searched for among the jobs that were read: the bridge itself finds by queue and state only. */
export function isSearch({ name, id, text }: JobFilter): boolean {
  return name !== "" || id !== "" || text !== "";
}

/** Makes the test for one filter: texts are made ready once, as ten thousand rows are tested. */
export function makeTest(filter: JobFilter): (row: JobRow) => boolean {
  const states: ReadonlySet<JobState> = new Set(filter.states.length > 0 ? filter.states : JOB_STATES);
  const [name, id, text] = [filter.name, filter.id, filter.text].map((part) => part.trim().toLowerCase());
  return (row) =>
    (filter.queue === null || row.queue === filter.queue) &&
    states.has(row.view.state) &&
    (!name || (row.view.name ?? "").toLowerCase().includes(name)) &&
    (!id || row.id.toLowerCase().includes(id)) &&
    (!text || textOf(row).includes(text));
}

/** Everything that is shown of a job, in lower case; parts are kept apart by what nobody types. */
function textOf({ queue, id, view }: JobRow): string {
  const { name, state, progress, failedReason, logs } = view;
  const step = typeof progress === "object" ? JSON.stringify(progress) : progress;
  return [queue, id, name, state, step, failedReason, logs.at(-1)?.content].join("\n").toLowerCase();
}
