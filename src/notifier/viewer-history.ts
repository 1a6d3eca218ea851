import type { Connection } from "../connections/connection.ts";
import type { Frame } from "../connections/frame.ts";
import type { CatchUp, History } from "../connections/history.ts";
import type { Topic } from "../protocol/topic.ts";
import { parseTopic } from "../protocol/topic.ts";
import type { JobKey } from "../sources/job-key.ts";
import { keyOf } from "../sources/job-key.ts";
import { RingCatchUp } from "./catch-up.ts";
import type { CatchUpHost } from "./catch-up-host.ts";
import { planCatchUp } from "./catch-up-plan.ts";
import type { NotifierContext } from "./context.ts";
import { encodeCursor } from "./cursor.ts";
import { gapMessage } from "./healer.ts";
import type { Told } from "./mutes.ts";
import type { Snapshot } from "./snapshots.ts";

/** What the connections ask about the past of the queues, answered for each viewer by a catch-up of its own. */
export class ViewerHistory implements History, CatchUpHost {
  readonly #context: NotifierContext;
  readonly #onInterestChanged: () => void;

  constructor(context: NotifierContext, onInterestChanged: () => void) {
    this.#context = context;
    this.#onInterestChanged = onInterestChanged;
  }

  cursors(topics: Iterable<Topic>): Record<string, string> {
    const { histories } = this.#context;
    const queues = new Set<string>();
    for (const topic of topics) {
      const parsed = parseTopic(topic);
      if (parsed?.kind === "all") for (const queue of histories.keys()) queues.add(queue);
      else if (parsed?.kind === "queue" || parsed?.kind === "job") queues.add(parsed.queue);
    }
    const cursors: Record<string, string> = {};
    for (const queue of queues) {
      const history = histories.get(queue);
      if (history?.position) cursors[queue] = encodeCursor(history.tag, history.position);
    }
    return cursors;
  }

  catchUp(connection: Connection, topics: readonly Topic[], since: readonly string[] | null): CatchUp | null {
    const { histories, reader } = this.#context;
    const plan = planCatchUp(histories, topics, since);
    const { legs, unattached } = plan();
    if (since === null && legs.length + unattached.length === 0) return null;
    return new RingCatchUp({ host: this, connection, plan, settled: reader.isSettled ? null : reader.settled });
  }

  interestChanged(): void {
    this.#onInterestChanged();
  }

  takeSnapshots(keys: readonly JobKey[]): Promise<Snapshot[]> {
    return this.#context.snapshots.take(keys, { mayWait: true });
  }

  takeSnapshotsInTurn(keys: readonly JobKey[]): Promise<Snapshot[]> {
    return this.#context.inTurn(() => this.#context.snapshots.take(keys, { mayWait: false }));
  }

  isStale(snapshot: Snapshot): boolean {
    return this.#context.snapshots.isStale(snapshot);
  }

  sendSnapshot(snapshot: Snapshot): Frame {
    return this.#context.snapshots.send(snapshot, { toAll: false });
  }

  jobsSince(queue: string, sinceMs: number): Promise<{ ids: string[]; truncated: boolean }> {
    return this.#context.reader.jobsSince(queue, sinceMs);
  }

  unknownFrame(job: JobKey): Frame {
    return this.#context.snapshots.unknown(job);
  }

  gapFrame(queue: string | null, missed: number | null, truncated: boolean): Frame {
    return this.#context.manager.encode(gapMessage(queue, missed, truncated));
  }

  mute(job: JobKey, told: Told, connection: Connection): void {
    this.#context.mutes.add(keyOf(job), told, [connection]);
  }
}
