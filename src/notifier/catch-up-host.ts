import type { Connection } from "../connections/connection.ts";
import type { Frame } from "../connections/frame.ts";
import type { JobKey } from "../sources/job-key.ts";
import type { Told } from "./mutes.ts";
import type { Snapshot } from "./snapshots.ts";

/** What a catch-up needs of the notifier. */
export interface CatchUpHost {
  takeSnapshots(keys: readonly JobKey[]): Promise<Snapshot[]>;
  /** The same while nothing is published. */
  takeSnapshotsInTurn(keys: readonly JobKey[]): Promise<Snapshot[]>;
  isStale(snapshot: Snapshot): boolean;
  /** The frame of a snapshot that is being sent. */
  sendSnapshot(snapshot: Snapshot): Frame;
  /** Jobs of a queue to show again where its history since some time, epoch ms, is gone. */
  jobsSince(queue: string, sinceMs: number): Promise<{ ids: string[]; truncated: boolean }>;
  /** Says of a job of a queue that is not attached that nothing is known of it. */
  unknownFrame(job: JobKey): Frame;
  gapFrame(queue: string | null, missed: number | null, truncated: boolean): Frame;
  /** The connection joins: what snapshots told it is not to be sent again. */
  mute(job: JobKey, told: Told, connection: Connection): void;
}
