import type { ConnectionManager } from "../connections/connection-manager.ts";
import type { Logger } from "../logger.ts";
import type { JobReader } from "../sources/job-reader.ts";
import type { JobTracker } from "./job-tracker.ts";
import type { Mutes } from "./mutes.ts";
import type { QueueHistory } from "./queue-history.ts";
import type { Snapshots } from "./snapshots.ts";

/** What the parts of the notifier share. */
export interface NotifierContext {
  manager: ConnectionManager;
  reader: JobReader;
  tracker: JobTracker;
  mutes: Mutes;
  /** The attached queues. */
  histories: ReadonlyMap<string, QueueHistory>;
  snapshots: Snapshots;
  /** Runs something while nothing is published, in the order of the calls. MUST NOT be called from within itself. */
  inTurn: <Result>(run: () => Promise<Result>) => Promise<Result>;
  logger: Logger;
}
