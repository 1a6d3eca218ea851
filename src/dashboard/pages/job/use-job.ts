import { useEffect, useMemo, useState } from "preact/hooks";
import type { JobView, ServerMessage } from "../../../client/index.ts";
import type { JobDetails } from "../../../protocol/job-summary.ts";
import { jobTopic, parseTopic } from "../../../protocol/topic.ts";
import { connection } from "../../connection.ts";
import { RequestError } from "../../request-error.ts";
import { session } from "../../session.ts";
import { useFrame } from "../../use-frame.ts";
import { JobRecord } from "./job-record.ts";

/** How often the children of a job are counted while it waits for them, ms: nothing is said of each. */
const COUNT_INTERVAL_MS = 2000;

/** A job as its page shows it. */
export interface ShownJob {
  /** Changed in place; the component is drawn again for it. */
  record: JobRecord;
  /** What was read beside; null until it was, and where there is no such job. */
  details: JobDetails | null;
  /** Whether BullMQ had no such job when that was read. */
  isMissing: boolean;
  /** Why that could not be read. */
  error: RequestError | null;
}

/** Follows one job for as long as the component is there. */
export function useJob(queue: string, id: string): ShownJob {
  const frame = useFrame();
  const record = useMemo(() => new JobRecord(queue, id), [queue, id]);
  const topic = jobTopic(queue, id);
  const [read, setRead] = useState<Omit<ShownJob, "record">>({ details: null, isMissing: false, error: null });
  /** Grows when what is told by REST alone has changed. */
  const [changes, setChanges] = useState(0);

  useEffect(() => {
    // An address can name what no job can be.
    if (parseTopic(topic)?.kind !== "job") return;
    const { client } = connection;
    const stop = client.on("message", (message) => {
      const before = record.view;
      if (!record.receive(message)) return;
      frame.ask();
      if (isToldByRestAlone(message, before, record.view)) setChanges((count) => count + 1);
    });
    const unwatch = connection.watch([topic]);
    return () => {
      stop();
      unwatch();
    };
  }, [record, topic, frame]);

  useEffect(() => {
    const giveUp = new AbortController();
    const path = `/jobs/${encodeURIComponent(queue)}/${encodeURIComponent(id)}`;
    session.request<JobDetails>(path, { signal: giveUp.signal }).then(
      (details) => {
        record.read(details);
        // Of a job that is gone the bridge may still know how it ended, but not what it was given.
        setRead({ details, isMissing: details.data_bytes === null, error: null });
      },
      (error: unknown) => {
        if (giveUp.signal.aborted || !(error instanceof RequestError)) return;
        // What was read of a job that is gone now stays worth showing.
        const isMissing = error.status === 404;
        setRead(({ details }) => ({ details, isMissing, error: isMissing ? null : error }));
      },
    );
    return () => giveUp.abort();
  }, [record, changes]);

  const isWaiting = record.view.state === "waiting-children" && record.children !== null;
  useEffect(() => {
    if (!isWaiting) return;
    const timer = setInterval(() => {
      // Subscribed anew, the job comes with a snapshot, which has the count.
      if (!document.hidden && connection.state.value === "open")
        void connection.client.subscribe([topic]).catch(() => undefined);
    }, COUNT_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [isWaiting, topic]);

  return { record, ...read };
}

const CHANGES_OF_DETAILS: ReadonlySet<string> = new Set(["task_added", "task_active", "task_retrying", "task_failed"]);

/** Whether a message about the job means news that only REST has: who works at it, the stack of an attempt that failed. */
function isToldByRestAlone({ type, meta }: ServerMessage, before: JobView, after: JobView): boolean {
  if (type === "task_success") return meta.omitted_bytes !== undefined;
  // Of what happened unheard a snapshot shows where it has led.
  if (type !== "snapshot") return CHANGES_OF_DETAILS.has(type);
  return before.state !== "unknown" && (before.state !== after.state || before.attempt !== after.attempt);
}
