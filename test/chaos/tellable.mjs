// Which stream entries make a message, by docs/PROTOCOL.md, "Job messages", "Queue messages" and "Log messages".

const QUEUE_EVENTS = {
  paused: "queue_paused",
  resumed: "queue_resumed",
  drained: "queue_drained",
  cleaned: "queue_cleaned",
};
const JOB_EVENTS = {
  added: ["task_added"],
  waiting: ["task_waiting", "task_retrying"],
  delayed: ["task_delayed", "task_retrying"],
  active: ["task_active"],
  progress: ["task_progress"],
  stalled: ["task_stalled"],
  "waiting-children": ["task_waiting_children"],
  completed: ["task_success"],
  failed: ["task_failed"],
  removed: ["task_removed"],
};

/**
 * The message an entry makes: `{ types, jobId, content? }`, where `content` is given only where the entry alone tells
 * it; null when it makes none.
 */
export function tellable(stream, { fields }) {
  if (stream === "logs") return tellableLine(fields);
  const { event, jobId, data, returnvalue, failedReason } = fields;
  if (Object.hasOwn(QUEUE_EVENTS, event)) return { types: [QUEUE_EVENTS[event]], jobId: null };
  if (!Object.hasOwn(JOB_EVENTS, event) || !jobId) return null;
  const message = { types: JOB_EVENTS[event], jobId };
  if (event === "failed") return { ...message, content: failedReason ?? null };
  if (event !== "progress" && event !== "completed") return message;
  try {
    return { ...message, content: JSON.parse(event === "progress" ? data : returnvalue) };
  } catch {
    return null;
  }
}

function tellableLine({ job, msg, dropped }) {
  if (!job || (msg === undefined && dropped === undefined)) return null;
  return { types: ["logs"], jobId: job, content: dropped === undefined ? msg : null };
}
