import { BullcastClient } from "../client/bullcast-client.ts";
import { BullcastClientError } from "../client/bullcast-client-error.ts";
import type { JobView } from "../client/job-view.ts";
import type { WidgetContent } from "../client/known-messages.ts";
import { jobTopic, widgetTopic } from "../protocol/topic.ts";

/** How long a connection that nothing needs is kept: elements are exchanged for others in no time. */
const IDLE_MS = 5000;

/** How a part came out; `failed` when the server refuses to tell. */
export type PartContent = WidgetContent | { state: "failed" };

/** A rendering that elements on the page wait for. */
class WatchedWidget {
  /** What has come, as elements may be parsed after their parts were ready. */
  readonly parts = new Map<number, PartContent>();
  /** Says that what has not come will not come. */
  end: PartContent | null = null;
  readonly listeners = new Map<(content: PartContent) => void, number>();

  receive(content: PartContent): void {
    if ("part" in content && content.part !== null) this.parts.set(content.part, content);
    else this.end = content;
    for (const [listener, part] of [...this.listeners]) this.tell(listener, part);
  }

  tell(listener: (content: PartContent) => void, part: number): void {
    const content = this.parts.get(part) ?? this.end;
    if (content) listener(content);
  }
}

/** A job that elements on the page show. */
interface WatchedJob {
  elements: number;
  /** Whether anything was told of it, were it that there is none. */
  isTold: boolean;
}

/** The one connection of a page that all elements share. It is there while one of them needs it. */
export class PageConnection {
  readonly #client: BullcastClient;
  readonly #widgets = new Map<string, WatchedWidget>();
  readonly #jobs = new Map<string, WatchedJob>();
  #idle: ReturnType<typeof setTimeout> | undefined;

  /** @param url where the bridge is. */
  constructor(url: string) {
    this.#client = new BullcastClient({ url, topics: [] });
    this.#client.on("widget", ({ content, meta }) =>
      this.#widgets.get(meta.widget_id)?.receive(content ?? { state: "failed" }),
    );
    // The next attempt may be seconds away, and what made the last ones fail is mended.
    addEventListener("online", () => {
      if (this.#isNeeded && this.#client.state === "waiting") this.#client.connect();
    });
    // By itself it closes only when trying again would be of no use.
    this.#client.on("state", (state) => {
      if (state !== "closed") return;
      // Those that come as others are told are not meant.
      for (const widget of [...this.#widgets.values()]) widget.receive({ state: "failed" });
    });
  }

  /** Calls the listener, later, with what comes of a part of a rendering, maybe more than once; answers how to stop. */
  watchPart(id: string, part: number, listener: (content: PartContent) => void): () => void {
    const topic = widgetTopic(id);
    const known = this.#widgets.get(id);
    const widget = known ?? new WatchedWidget();
    const { listeners } = widget;
    listeners.set(listener, part);
    if (!known) {
      this.#widgets.set(id, widget);
      this.#client.subscribe([topic]).catch((error: unknown) => {
        if (!isGivenUp(error)) widget.receive({ state: "failed" });
      });
      this.#connect();
    }
    queueMicrotask(() => {
      if (listeners.has(listener)) widget.tell(listener, part);
    });
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      this.#widgets.delete(id);
      void this.#client.unsubscribe([topic]);
      this.#closeIdle();
    };
  }

  /**
   * Calls the listener, later, with each change of a job, and with null when it cannot be watched; answers how to stop.
   *
   * @throws {BullcastClientError} when queue and id name no job.
   */
  watchJob(queue: string, id: string, listener: (job: JobView | null) => void): () => void {
    const topic = jobTopic(queue, id);
    const job = this.#jobs.get(topic) ?? { elements: 0, isTold: false };
    const watch = this.#client.watchJob(queue, id, (view) => {
      job.isTold = true;
      listener(view);
    });
    job.elements += 1;
    this.#jobs.set(topic, job);
    this.#connect();
    watch.ended.catch((error: unknown) => {
      if (!isGivenUp(error)) listener(null);
    });
    // Another element may be watching it already.
    if (job.isTold) queueMicrotask(() => listener(watch.job));
    return () => {
      watch.close();
      job.elements -= 1;
      if (job.elements === 0) this.#jobs.delete(topic);
      this.#closeIdle();
    };
  }

  get #isNeeded(): boolean {
    return this.#widgets.size + this.#jobs.size > 0;
  }

  /** Something has begun to need it. The next attempt, where that is waited for, comes no sooner. */
  #connect(): void {
    clearTimeout(this.#idle);
    if (this.#client.state === "idle" || this.#client.state === "closed") this.#client.connect();
  }

  /** Something has ceased to need it: it is closed a while after the last has. */
  #closeIdle(): void {
    clearTimeout(this.#idle);
    if (!this.#isNeeded) this.#idle = setTimeout(() => this.#client.close(), IDLE_MS);
  }
}

/** Whether it was the page that did not want to wait any more. */
function isGivenUp(error: unknown): boolean {
  return error instanceof BullcastClientError && error.code === "CLOSED";
}
