/** An entry of a stream that ever was. */
export interface TrueEntry {
  id: string;
  fields: Record<string, string>;
  /** Place among all commands Redis carried out. */
  order: number;
  /** Epoch ms; null while the entry stands. */
  trimmedAtMs: number | null;
}

export interface TrueStream {
  entries: TrueEntry[];
  /** Everything up to `id` is gone since `atMs`. */
  trims: { id: string; atMs: number }[];
}

export interface TrueJob {
  queue: string;
  id: string;
  keepLogs: number | null;
  /** When it was added, epoch ms. */
  at: number;
  state: string;
  value: unknown;
  /** The entry that told its end. */
  end: TrueEntry | null;
  isRemoved: boolean;
  /** Lines of job.log(). */
  lines: { text: string; order: number }[];
}

export interface Truth {
  queues: Record<string, { events: TrueStream; logs: TrueStream }>;
  jobs: TrueJob[];
  /** Epoch ms. */
  bridgeStarts: number[];
}

export interface Message {
  type: string;
  content: unknown;
  meta: Record<string, unknown>;
}

export type ViewerRecord =
  | { at: number; kind: "open" }
  | { at: number; kind: "close"; code: number | null }
  | { at: number; kind: "subscribe"; topics: string[]; since?: Record<string, string> }
  | { at: number; kind: "message"; message: Message };

export interface Finding {
  check: string;
  viewer: string;
  queue: string | null;
  job: string | null;
  at: number | null;
  expected: string;
  came: string;
}

export function judge(
  truth: Truth,
  viewer: { id: string; topics: string[]; records: ViewerRecord[] },
  without?: ReadonlySet<string>,
): { messages: number; findings: Finding[] };
