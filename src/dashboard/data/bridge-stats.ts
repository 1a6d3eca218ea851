import { signal } from "@preact/signals";
import type { MessageOf } from "../../client/index.ts";
import type { StatsContent, StatsHistory, StatsSample } from "../../protocol/admin.ts";
import { connection } from "../connection.ts";
import { session } from "../session.ts";
import { QueueRates } from "./queue-rates.ts";

/** How far back samples are kept: as far as the bridge does. */
const KEPT_MS = 15 * 60_000;

/** What the bridge tells of itself each second, for all pages: the newest, and the last 15 minutes. */
class BridgeStats {
  /** Null until the first has come. */
  readonly latest = signal<StatsContent | null>(null);
  /** Oldest first. Also from before this page: the bridge keeps them. */
  readonly samples = signal<readonly StatsSample[]>([]);
  /** Events read of each queue, for each second, over the last few. */
  readonly queueRates = signal<ReadonlyMap<string, number>>(new Map());
  readonly #rates = new QueueRates();
  #stop: (() => void)[] = [];

  open(): void {
    if (this.#stop.length > 0) return;
    const { client } = connection;
    this.#stop = [
      client.on("stats", (message) => this.#receive(message)),
      // Each time: what happened without a connection is in the history too.
      client.on("state", (state) => {
        if (state === "open") void this.#readHistory();
      }),
      connection.watch(["stats"]),
    ];
  }

  close(): void {
    for (const stop of this.#stop) stop();
    this.#stop = [];
  }

  #receive({ content: stats }: MessageOf<"stats">): void {
    if (!stats) return;
    const { health: _, sources: __, queues, queues_total: ___, uptime_seconds: ____, totals: _____, ...sample } = stats;
    this.queueRates.value = this.#rates.add(Date.parse(stats.at), queues);
    this.latest.value = stats;
    this.#add([sample]);
  }

  async #readHistory(): Promise<void> {
    const history = await session.request<StatsHistory>("/stats/history").catch(() => null);
    if (history) this.#add(history.samples);
  }

  /** What is known wins nothing over what comes: a sample is the same from both. */
  #add(added: readonly StatsSample[]): void {
    const known = this.samples.value;
    const first = added[0];
    const newest = known.at(-1);
    if (!first) return;
    const isNext = !newest || newest.at < first.at;
    const all = isNext ? [...known, ...added] : merge(known, added);
    const oldest = Date.parse(all.at(-1)?.at ?? "") - KEPT_MS;
    const start = all.findIndex(({ at }) => Date.parse(at) >= oldest);
    this.samples.value = all.slice(start);
  }
}

function merge(known: readonly StatsSample[], added: readonly StatsSample[]): StatsSample[] {
  const byTime = new Map([...known, ...added].map((sample) => [sample.at, sample]));
  return [...byTime.values()].sort((one, other) => (one.at < other.at ? -1 : 1));
}

export const bridgeStats = new BridgeStats();
