import type { ConnectionManager } from "../connections/connection-manager.ts";
import type { KeptMessage, KeptMessages } from "../connections/kept-messages.ts";
import type { Health, Stats, StatsContent, StatsHistory } from "../protocol/admin.ts";
import { WebSocketMessage } from "../protocol/message.ts";
import type { QueueSummary } from "../protocol/queue-summary.ts";
import type { SourceStatus } from "../protocol/source-status.ts";
import type { Topic } from "../protocol/topic.ts";
import { CLIENTS_TOPIC, STATS_TOPIC } from "../protocol/topic.ts";
import { ClientWatch } from "./client-watch.ts";
import { writeMetrics } from "./metrics.ts";
import { processMetrics } from "./process-metrics.ts";
import { StatsRecorder } from "./stats-recorder.ts";
import { reportStats } from "./stats-report.ts";

/** How often figures are taken, and told to those who watch. */
const INTERVAL_MS = 1000;

/** Most queues in one message, so that it fits into an outbox whatever is attached; and in one page of metrics. */
const MAX_LISTED_QUEUES = 500;

export interface AdministrationOptions {
  version: string;
  manager: ConnectionManager;
  health: () => Health;
  sources: () => SourceStatus[];
  /** How the queues stand, by what was counted last. */
  queues: () => QueueSummary[];
  /** Asks for newer counts; MUST NOT reject, nor make Redis count more often than it can bear. */
  countJobs: () => Promise<void>;
}

/** What administrators are shown: figures on `stats`, connections on `clients`. One timer for all of it. */
export class Administration implements KeptMessages {
  readonly #options: AdministrationOptions;
  readonly #recorder: StatsRecorder;
  readonly #clients: ClientWatch;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AdministrationOptions) {
    const { manager } = options;
    this.#options = options;
    this.#recorder = new StatsRecorder(manager.statistics, () => manager.outboxes);
    this.#clients = new ClientWatch(manager);
    manager.useRegistryObserver(this.#clients);
  }

  /** Begins to take figures. */
  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), INTERVAL_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** What `GET /ws/stats` answers. */
  get stats(): Stats {
    const { manager, sources } = this.#options;
    return reportStats(manager.statistics, manager.outboxes, sources());
  }

  /** What `GET /ws/stats/history` answers. */
  get history(): StatsHistory {
    return { interval_ms: INTERVAL_MS, samples: this.#recorder.samples };
  }

  /** What `GET /ws/metrics` answers, after the jobs have been counted; resolves also when Redis does not answer. */
  async metrics(): Promise<{ text: string; contentType: string }> {
    const { version, manager, health, countJobs } = this.#options;
    await countJobs();
    const { listed, sources } = this.#listQueues();
    const { statistics } = manager;
    const stats = reportStats(statistics, manager.outboxes, sources);
    const page = writeMetrics({ version, statistics, stats, health: health(), queues: listed });
    return { text: `${await page.text()}\n${await processMetrics()}`, contentType: page.contentType };
  }

  /** Whoever subscribes to `stats` is sent the newest figures at once; null for topics that are not of this. */
  subscribed(topic: Topic): KeptMessage[] | null {
    if (topic === STATS_TOPIC) {
      void this.#options.countJobs();
      return [() => this.#statsMessage()];
    }
    if (topic !== CLIENTS_TOPIC) return null;
    this.#clients.subscribed();
    return [];
  }

  #tick(): void {
    const { manager } = this.#options;
    // Before anything is published, which would wait in the outboxes that are looked at.
    this.#recorder.sample();
    this.#clients.sweep();
    if (!manager.isWatched([STATS_TOPIC])) return;
    void this.#options.countJobs();
    const message = this.#statsMessage();
    if (message) manager.publish(manager.encode(message), [STATS_TOPIC]);
  }

  #statsMessage(): WebSocketMessage | null {
    const sample = this.#recorder.latest;
    if (!sample) return null;
    const { manager, health } = this.#options;
    const { listed, total, sources } = this.#listQueues();
    const { uptime_seconds, connections, messages, heartbeat } = reportStats(
      manager.statistics,
      manager.outboxes,
      sources,
    );
    const content: StatsContent = {
      ...sample,
      uptime_seconds,
      totals: { connections, messages, heartbeat },
      health: health(),
      sources,
      queues: listed,
      queues_total: total,
    };
    return new WebSocketMessage({ type: "stats", content });
  }

  /** As many queues as are listed, and the sources that are theirs or nobody's. */
  #listQueues(): { listed: QueueSummary[]; total: number; sources: SourceStatus[] } {
    const queues = this.#options.queues();
    const listed = queues.slice(0, MAX_LISTED_QUEUES);
    const names = new Set(listed.map(({ queue }) => queue));
    const sources = this.#options.sources().filter(({ queue }) => queue === null || names.has(queue));
    return { listed, total: queues.length, sources };
  }
}
