import type { ComponentChildren } from "preact";
import { addressOf, navigate } from "../router.ts";

interface LinkProps {
  /** A view below the dashboard, as `navigate` takes it. */
  to: string;
  class?: string;
  title?: string;
  "aria-current"?: "page" | undefined;
  "aria-label"?: string;
  tabIndex?: number;
  children?: ComponentChildren;
}

/** A link to another view. It is a real one: opened in a new tab, and copied, like any. */
export function Link({ to, children, ...attributes }: LinkProps) {
  const follow = (event: MouseEvent) => {
    const isOwn = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!isOwn) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a {...attributes} href={addressOf(to)} onClick={follow}>
      {children}
    </a>
  );
}
