import { connection } from "../../connection.ts";
import { bridgeStats } from "../../data/bridge-stats.ts";
import { formatDuration } from "../../format.ts";
import { Banner } from "../../parts/banner.tsx";
import { Loading } from "../../parts/loading.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { session } from "../../session.ts";
import { TEXTS } from "../../texts.ts";
import { Charts } from "./charts.tsx";
import { HealthCard } from "./health-card.tsx";
import { LogSourcesCard } from "./log-sources-card.tsx";
import { QueuesCard } from "./queues-card.tsx";

const texts = TEXTS.overview;

/** How the bridge is: what works, what goes through it, and the queues it watches. */
export function OverviewPage() {
  const stats = bridgeStats.latest.value;
  const refusal = connection.refusedTopics.value.get("stats");
  const { about } = session;
  return (
    <>
      <PageHead title={texts.title}>
        <p class="muted">
          {about && texts.about(about.version, about.prefix)}
          {stats && ` · ${texts.up(formatDuration(stats.uptime_seconds * 1000))}`}
        </p>
      </PageHead>
      {refusal !== undefined && (
        <Banner tone="bad">
          {texts.refused} {refusal}
        </Banner>
      )}
      <div class="overview">
        <HealthCard health={stats?.health ?? null} />
        <Charts totals={stats?.totals ?? null} />
        {stats ? (
          <QueuesCard queues={stats.queues} total={stats.queues_total} />
        ) : (
          refusal === undefined && <Loading lines={5} />
        )}
        {stats && <LogSourcesCard sources={stats.sources} />}
      </div>
    </>
  );
}
