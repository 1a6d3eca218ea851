import { computed, signal } from "@preact/signals";
import { DASHBOARD_URL } from "./addresses.ts";

/** What is shown, as the address says. */
export type Route =
  | { page: "overview" | "jobs" | "clients" | "messages" }
  | { page: "job"; queue: string; id: string }
  | { page: "unknown" };

/** Safari refuses more than 100 changes of the address in 30 s, and one types faster than that. */
const ADDRESS_PAUSE_MS = 350;

const address = signal(new URL(location.href));
let lastChangedAt = Number.NEGATIVE_INFINITY;
let changing: ReturnType<typeof setTimeout> | undefined;

addEventListener("popstate", () => {
  clearTimeout(changing);
  address.value = new URL(location.href);
});

/** The view of the address. */
export const route = computed(() => parseRoute(address.value.pathname));
/** What follows the question mark: a view's filters. Reading it in a component draws that again when it changes. */
export const query = computed(() => address.value.searchParams);

/** The address of a job's page, for `<Link to>` and `navigate`. */
export function jobPath(queue: string, id: string): string {
  return `jobs/${encodeURIComponent(queue)}/${encodeURIComponent(id)}`;
}

/** The whole address of a view, for `href` and to be copied: `jobs?state=failed`. */
export function addressOf(path: string): string {
  return new URL(path === "" ? "." : path, DASHBOARD_URL).href;
}

/** Goes to a view below the dashboard: `navigate("jobs?state=failed")`; the back button leads here again. */
export function navigate(path: string): void {
  clearTimeout(changing);
  if (location.href !== address.value.href) showAddress();
  history.pushState(null, "", addressOf(path));
  address.value = new URL(location.href);
  scrollTo(0, 0);
}

/** Changes filters of this view in its address; null takes one away, a list gives it several values. Makes no step back. */
export function setQuery(changes: Readonly<Record<string, string | readonly string[] | null>>): void {
  const url = new URL(address.value);
  for (const [name, value] of Object.entries(changes)) {
    url.searchParams.delete(name);
    const values = typeof value === "string" ? [value] : (value ?? []);
    for (const one of values) if (one !== "") url.searchParams.append(name, one);
  }
  address.value = url;
  clearTimeout(changing);
  const pauseMs = lastChangedAt + ADDRESS_PAUSE_MS - performance.now();
  if (pauseMs <= 0) showAddress();
  else changing = setTimeout(showAddress, pauseMs);
}

/** Has the browser show the address of the view. */
function showAddress(): void {
  lastChangedAt = performance.now();
  history.replaceState(null, "", address.value);
}

function parseRoute(pathname: string): Route {
  const [page = "", ...rest] = pathname.slice(DASHBOARD_URL.pathname.length).replace(/\/$/, "").split("/");
  if (page === "jobs" && rest.length === 2) {
    try {
      const [queue = "", id = ""] = rest.map(decodeURIComponent);
      return { page: "job", queue, id };
    } catch {
      return { page: "unknown" };
    }
  }
  if (rest.length > 0) return { page: "unknown" };
  if (page === "") return { page: "overview" };
  return page === "jobs" || page === "clients" || page === "messages" ? { page } : { page: "unknown" };
}
