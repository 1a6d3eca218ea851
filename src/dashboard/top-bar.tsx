import { connection } from "./connection.ts";
import { Badge } from "./parts/badge.tsx";
import { Button } from "./parts/button.tsx";
import { Icon } from "./parts/icon.tsx";
import { Link } from "./parts/link.tsx";
import { Logo } from "./parts/logo.tsx";
import { route } from "./router.ts";
import { session } from "./session.ts";
import { TEXTS } from "./texts.ts";
import { THEMES, theme } from "./theme.ts";

const PAGES = ["overview", "jobs", "clients", "messages"] as const;

export function TopBar() {
  return (
    <header class="top-bar">
      <Link to="" class="brand">
        <Logo />
        <span>{TEXTS.app.name}</span>
      </Link>
      <Navigation />
      <div class="top-bar-end">
        {session.isReadOnly && <Badge title={TEXTS.app.readOnlyHint}>{TEXTS.app.readOnly}</Badge>}
        <ConnectionMark />
        <ThemeSwitch />
        {session.about?.needs_token && (
          <Button kind="quiet" icon="signOut" label={TEXTS.app.signOut} onClick={() => session.signOut()} />
        )}
      </div>
    </header>
  );
}

function Navigation() {
  const { page } = route.value;
  const current = page === "job" ? "jobs" : page;
  return (
    <nav class="navigation" aria-label={TEXTS.app.navigation}>
      {PAGES.map((name) => (
        <Link key={name} to={name === "overview" ? "" : name} aria-current={name === current ? "page" : undefined}>
          <Icon name={name} />
          <span>{TEXTS.app.pages[name]}</span>
        </Link>
      ))}
    </nav>
  );
}

function ConnectionMark() {
  // Not every attempt is worth a word of its own: a screen reader would say each.
  const state = connection.isReconnecting.value ? "waiting" : connection.state.value;
  return (
    <span class="connection" data-state={state} role="status">
      {TEXTS.app.connection[state]}
    </span>
  );
}

/** One button that goes round: what is chosen is what it shows. */
function ThemeSwitch() {
  const chosen = theme.value;
  const next = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length] ?? "system";
  return (
    <Button
      kind="quiet"
      icon={chosen}
      label={TEXTS.app.theme[chosen]}
      onClick={() => {
        theme.value = next;
      }}
    />
  );
}
