import type { ComponentChildren } from "preact";

/** The top of a page: what it is called, and what can be done with all of it. */
export function PageHead({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <header class="page-head">
      <h1>{title}</h1>
      {children}
    </header>
  );
}
