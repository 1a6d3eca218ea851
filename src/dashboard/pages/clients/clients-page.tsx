import { useEffect, useState } from "preact/hooks";
import type { ClientReport } from "../../../protocol/admin.ts";
import { CLIENTS_TOPIC } from "../../../protocol/topic.ts";
import { connection } from "../../connection.ts";
import { Banner } from "../../parts/banner.tsx";
import { Button } from "../../parts/button.tsx";
import { Card } from "../../parts/card.tsx";
import { EmptyState } from "../../parts/empty-state.tsx";
import { Loading } from "../../parts/loading.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { SearchBox } from "../../parts/search-box.tsx";
import { setQuery } from "../../router.ts";
import { session } from "../../session.ts";
import { TEXTS } from "../../texts.ts";
import { clientFeed } from "./client-feed.ts";
import { clientQuery, sortingQuery } from "./client-query.ts";
import { clientRows } from "./client-table.ts";
import { ClientTable } from "./client-table-view.tsx";
import { DisconnectDialog } from "./disconnect-dialog.tsx";

/** Who watches, what, and how far behind they are. */
export function ClientsPage() {
  useEffect(() => clientFeed.use(), []);
  const [leaving, setLeaving] = useState<ClientReport | null>(null);
  const failure = clientFeed.failure.value;
  const refusal = connection.refusedTopics.value.get(CLIENTS_TOPIC);
  return (
    <>
      <PageHead title={TEXTS.clients.title} />
      {refusal !== undefined && <Banner tone="warn">{TEXTS.clients.notLive(refusal)}</Banner>}
      {failure === null ? (
        <Clients onDisconnect={setLeaving} />
      ) : (
        <EmptyState icon="warning" title={TEXTS.clients.failed} text={failure}>
          <Button onClick={() => clientFeed.read()}>{TEXTS.clients.again}</Button>
        </EmptyState>
      )}
      {leaving && <DisconnectDialog client={leaving} onClose={() => setLeaving(null)} />}
    </>
  );
}

function Clients({ onDisconnect }: { onDisconnect: (client: ClientReport) => void }) {
  const clients = clientFeed.clients.value;
  const query = clientQuery.value;
  const texts = TEXTS.clients;
  // This page is one of them: that there is nobody is not known yet.
  if (clients.length === 0) return <Loading lines={6} />;
  const { rows, matching } = clientRows(clients, query);
  return (
    <>
      {session.isReadOnly && <Banner tone="info">{texts.readOnly}</Banner>}
      <div class="client-filters">
        <SearchBox label={texts.search} value={query.text} onInput={(text) => setQuery({ q: text })} />
        <Button
          pressed={query.isBehindOnly}
          title={texts.behindHint}
          onClick={() => setQuery({ behind: query.isBehindOnly ? null : "1" })}
        >
          {texts.behind}
        </Button>
        <p class="muted" role="status">
          {matching > rows.length ? texts.first(rows.length, matching) : texts.shown(matching, clients.length)}
        </p>
      </div>
      <Card isFlush>
        {rows.length > 0 ? (
          <ClientTable
            clients={rows}
            sorting={query.sorting}
            onSort={(sorting) => setQuery(sortingQuery(sorting))}
            onDisconnect={session.isReadOnly ? null : onDisconnect}
          />
        ) : (
          <EmptyState icon="clients" title={texts.none} text={texts.noneHint}>
            <Button onClick={() => setQuery({ q: null, behind: null })}>{texts.showAll}</Button>
          </EmptyState>
        )}
      </Card>
    </>
  );
}
