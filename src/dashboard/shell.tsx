import { useEffect, useRef } from "preact/hooks";
import { connection } from "./connection.ts";
import { ClientsPage } from "./pages/clients/clients-page.tsx";
import { JobPage } from "./pages/job/job-page.tsx";
import { JobsPage } from "./pages/jobs/jobs-page.tsx";
import { MessagesPage } from "./pages/messages/messages-page.tsx";
import { OverviewPage } from "./pages/overview/overview-page.tsx";
import { Banner } from "./parts/banner.tsx";
import { Button } from "./parts/button.tsx";
import { EmptyState } from "./parts/empty-state.tsx";
import { Link } from "./parts/link.tsx";
import { route } from "./router.ts";
import { session } from "./session.ts";
import { TEXTS } from "./texts.ts";
import { TopBar } from "./top-bar.tsx";

/** What stands around every page. */
export function Shell() {
  const current = route.value;
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const where = current.page === "job" ? `${current.queue}:${current.id}` : current.page;
  useEffect(() => {
    document.title = titleOf();
    // A screen reader goes on at the new page; at the start it begins at the top by itself.
    if (!isFirst.current) main.current?.focus({ preventScroll: true });
    isFirst.current = false;
  }, [where]);
  return (
    <div class="shell">
      <button class="skip" type="button" onClick={() => main.current?.focus()}>
        {TEXTS.app.skip}
      </button>
      <TopBar />
      <Banners />
      <main id="main" class="page" tabIndex={-1} ref={main} data-stale={connection.isStale.value}>
        <Page />
      </main>
    </div>
  );
}

function titleOf(): string {
  const current = route.value;
  const page = current.page === "job" ? `${current.queue} ${current.id}` : TEXTS.app.pages[current.page];
  return `${page} · ${TEXTS.app.name}`;
}

function Page() {
  const current = route.value;
  switch (current.page) {
    case "overview":
      return <OverviewPage />;
    case "jobs":
      return <JobsPage />;
    case "job":
      return <JobPage queue={current.queue} id={current.id} key={`${current.queue}:${current.id}`} />;
    case "clients":
      return <ClientsPage />;
    case "messages":
      return <MessagesPage />;
    case "unknown":
      return (
        <EmptyState isPage icon="search" title={TEXTS.app.notFound.title} text={TEXTS.app.notFound.text}>
          <Link to="" class="button primary">
            {TEXTS.app.notFound.action}
          </Link>
        </EmptyState>
      );
  }
}

function Banners() {
  const refusal = connection.refusal.value;
  return (
    <>
      {session.about?.insecure && (
        <Banner tone="warn">{session.isReadOnly ? TEXTS.app.insecureReadOnly : TEXTS.app.insecure}</Banner>
      )}
      {refusal && (
        <Banner tone="bad">
          {TEXTS.app.disconnected(refusal.reason ?? refusal.message)}
          <Button onClick={() => connection.client.connect()}>{TEXTS.app.reconnect}</Button>
        </Banner>
      )}
      {connection.isReconnecting.value && <Banner tone="warn">{TEXTS.app.reconnecting}</Banner>}
    </>
  );
}
