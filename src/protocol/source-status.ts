/** State of a source as health and statistics show it. */
export type SourceState = "connecting" | "reading" | "reconnecting" | "taken_over" | "closed";

export interface SourceStatus {
  kind: "event-stream" | "queue-events" | "log-stream" | "log-pub-sub" | "job-log-tail";
  /** Null for a source that is not bound to one queue. */
  queue: string | null;
  state: SourceState;
  /** Age of the newest entry when it was handed on, ms; 0 when there is nothing more to read; null when not known. */
  lag_ms: number | null;
  /** Entries that could not be read. */
  malformed: number;
  /** Times history was found missing. */
  gaps: number;
  /** How the log lists of jobs are followed; only of the kind `job-log-tail`. */
  mode?: "tracking" | "polling" | undefined;
}
