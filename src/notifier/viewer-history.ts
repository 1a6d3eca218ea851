import type { Connection } from "../connections/connection.ts";
import type { ConnectionManager } from "../connections/connection-manager.ts";
import type { Frame } from "../connections/frame.ts";
import type { CatchUp, History } from "../connections/history.ts";
import type { Topic } from "../protocol/topic.ts";
import { parseTopic } from "../protocol/topic.ts";
import type { JobKey } from "../sources/job-key.ts";
import { keyOf } from "../sources/job-key.ts";
import type { JobReader } from "../sources/job-reader.ts";

import type { CatchUpHost } from "./catch-up.ts";
import { RingCatchUp } from "./catch-up.ts";
import { planCatchUp } from "./catch-up-plan.ts";
import { encodeCursor } from "./cursor.ts";
import { gapMessage } from "./healer.ts";

import type { Mutes, Told } from "./mutes.ts";
import type { QueueHistory } from "./queue-history.ts";
import type { Snapshot, Snapshots } from "./snapshots.ts";

export interface ViewerHistoryOptions {
  manager: ConnectionManager;
  reader: JobReader;
  histories: ReadonlyMap<string, QueueHistory>;
  snapshots: Snapshots;
  mutes: Mutes;
  /** Runs something while nothing is published. */
  inTurn: <Result>(run: () => Promise<Result>) => Promise<Result>;
  interestChanged: () => void;
}

/** What the connections ask about the past of the queues, answered for each viewer by a catch-up of its own. */
export class ViewerHistory implements History, CatchUpHost {
  readonly #options: ViewerHistoryOptions;

  constructor(options: ViewerHistoryOptions) {
    this.#options = options;
  }

  cursors(topics: Iterable<Topic>): Record<string, string> {
    const { histories } = this.#options;
    const queues = new Set<string>();
    for (const topic of topics) {
      const parsed = parseTopic(topic);
      if (parsed?.kind === "all") for (const queue of histories.keys()) queues.add(queue);
      else if (parsed) queues.add(parsed.queue);
    }
    const cursors: Record<string, string> = {};
    for (const queue of queues) {
      const history = histories.get(queue);
      if (history?.position) cursors[queue] = encodeCursor(history.tag, history.position);
    }
    return cursors;
  }

  catchUp(connection: Connection, topics: readonly Topic[], since: readonly string[] | null): CatchUp | null {
    const { histories, reader } = this.#options;
    const plan = planCatchUp(histories, topics, since);
    if (since === null && plan().legs.length === 0) return null;
    return new RingCatchUp({ host: this, connection, plan, settled: reader.isSettled ? null : reader.settled });
  }

  interestChanged(): void {
    this.#options.interestChanged();
  }

  takeSnapshots(keys: readonly JobKey[]): Promise<Snapshot[]> {
    return this.#options.snapshots.take(keys, { mayWait: true });
  }

  takeSnapshotsInTurn(keys: readonly JobKey[]): Promise<Snapshot[]> {
    return this.#options.inTurn(() => this.#options.snapshots.take(keys, { mayWait: false }));
  }

  isStale(snapshot: Snapshot): boolean {
    return this.#options.snapshots.isStale(snapshot);
  }

  sendSnapshot(snapshot: Snapshot): Frame {
    return this.#options.snapshots.send(snapshot, { toAll: false });
  }

  jobsSince(queue: string, sinceMs: number): Promise<{ ids: string[]; truncated: boolean }> {
    return this.#options.reader.jobsSince(queue, sinceMs);
  }

  gapFrame(queue: string | null, missed: number | null, truncated: boolean): Frame {
    return this.#options.manager.encode(gapMessage(queue, missed, truncated));
  }

  mute(job: JobKey, told: Told, connection: Connection): void {
    this.#options.mutes.add(keyOf(job), told, [connection]);
  }
}
