import { useEffect } from "preact/hooks";
import { connection } from "./connection.ts";
import { bridgeStats } from "./data/bridge-stats.ts";
import { Button } from "./parts/button.tsx";
import { EmptyState } from "./parts/empty-state.tsx";
import { Toasts } from "./parts/toasts.tsx";
import { session } from "./session.ts";
import { Shell } from "./shell.tsx";
import { SignIn } from "./sign-in.tsx";
import { TEXTS } from "./texts.ts";

export function App() {
  return (
    <>
      <Content />
      <Toasts />
    </>
  );
}

function Content() {
  const state = session.state.value;
  const isOpen = state.kind === "open";
  useEffect(() => (isOpen ? undefined : leave()), [isOpen]);
  switch (state.kind) {
    case "asking":
      // Mostly over before anything could be read.
      return <main class="alone" aria-busy="true" aria-label={TEXTS.session.asking} />;
    case "token-needed":
      return <SignIn isRefused={state.isRefused} />;
    case "refused":
      return (
        <main class="alone">
          <EmptyState isPage icon="warning" title={TEXTS.session.refused.title} text={TEXTS.session.refused.text}>
            <p class="reason">{state.reason}</p>
          </EmptyState>
        </main>
      );
    case "unreachable":
      return (
        <main class="alone">
          <EmptyState isPage icon="plug" title={TEXTS.session.unreachable.title} text={state.reason}>
            <Button kind="primary" onClick={() => session.ask()}>
              {TEXTS.session.unreachable.action}
            </Button>
          </EmptyState>
        </main>
      );
    case "open":
      enter();
      return <Shell />;
  }
}

/** Before the first page is drawn, as pages listen at the connection. */
function enter(): void {
  connection.open();
  bridgeStats.open();
}

function leave(): void {
  bridgeStats.close();
  connection.close();
}
