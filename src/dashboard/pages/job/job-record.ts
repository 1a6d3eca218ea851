import type { JobView, ServerMessage } from "../../../client/index.ts";
import { applyMessage, unknownJob } from "../../../client/index.ts";
import { missingBefore } from "../../../client/job-view.ts";
import { isType } from "../../../client/server-message.ts";
import type { JobDetails } from "../../../protocol/job-summary.ts";
import type { SnapshotContent } from "../../../protocol/snapshot.ts";
import { JobLog } from "./job-log.ts";
import { lineOfMessage, lineOfSnapshot } from "./log-line.ts";
import type { Timeline } from "./timeline.ts";
import { abandon, advance, reconcile, timelineOf } from "./timeline.ts";

/** Everything the job page knows of its job, as told by messages. */
export class JobRecord {
  readonly log = new JobLog();
  #view: JobView;
  #timeline: Timeline = [];
  #parent: SnapshotContent["parent"] = null;
  #children: SnapshotContent["children"] = null;
  #isTold = false;
  #removedAt: string | null = null;
  #isGone = false;

  constructor(queue: string, id: string) {
    this.#view = unknownJob(queue, id);
  }

  /** How the job stands; without log lines, which are in `log`. */
  get view(): JobView {
    return this.#view;
  }

  get timeline(): Timeline {
    return this.#timeline;
  }

  get parent(): SnapshotContent["parent"] {
    return this.#parent;
  }

  get children(): SnapshotContent["children"] {
    return this.#children;
  }

  /** Whether anything was told of the job, be it that there is none. */
  get isTold(): boolean {
    return this.#isTold;
  }

  /** When the job was removed, ISO 8601; null as long as it was not, as far as was told. */
  get removedAt(): string | null {
    return this.#removedAt;
  }

  /** Whether BullMQ did not have the job any more when that was last asked. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Takes in any message of the server; answers whether it was about this job. */
  receive(message: ServerMessage): boolean {
    const before = this.#view;
    this.#view = applyMessage(before, message, 0);
    if (this.#view === before) return false;
    if (message.type === "gap") return true;
    this.#isTold = true;
    if (isType(message, "snapshot")) this.#receiveSnapshot(message.content);
    else if (isType(message, "logs")) this.log.add(lineOfMessage(message));
    else this.#advance(message);
    return true;
  }

  /** What was read of the job stands in for a snapshot until one has come. */
  read(details: JobDetails): void {
    if (this.#isTold) return;
    const { queue, id } = this.#view;
    const meta = { queue, task_id: id, name: details.name };
    this.receive({ type: "snapshot", content: details, meta, timestamp: new Date().toISOString() });
  }

  #receiveSnapshot(content: SnapshotContent): void {
    this.#isGone = content.state === "unknown";
    if (this.#isGone) {
      // What was seen of it stays worth showing, but lasts no longer.
      this.#timeline = abandon(this.#timeline);
      return;
    }
    this.#removedAt = null;
    this.#parent = content.parent;
    this.#children = content.children;
    const lost = content.logs_truncated ? missingBefore(content.logs) : 0;
    const lines = content.logs.map(lineOfSnapshot);
    // A snapshot has the newest lines only, without some of what came with them live.
    if (!this.log.endsWith(lines)) this.log.replace(lines, lost);
    this.#timeline = reconcile(this.#timeline, timelineOf(content));
  }

  #advance(message: ServerMessage): void {
    if (message.type === "task_added") {
      this.#children = null;
      this.#removedAt = null;
      this.#isGone = false;
      this.log.replace([], 0);
    }
    if (message.type === "task_removed") this.#removedAt = message.timestamp;
    this.#timeline = advance(this.#timeline, message);
  }
}
