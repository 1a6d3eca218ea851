import type { ComponentChildren } from "preact";

interface CardProps {
  title?: string;
  /** Beside the title: a count, buttons. */
  aside?: ComponentChildren;
  /** Whether its content reaches its edges, as tables do. */
  isFlush?: boolean;
  children: ComponentChildren;
}

/** One subject of a page, with its heading. */
export function Card({ title, aside, isFlush = false, children }: CardProps) {
  return (
    <section class={isFlush ? "card flush" : "card"} {...(title !== undefined && { "aria-label": title })}>
      {title !== undefined && (
        <header class="card-head">
          <h2>{title}</h2>
          {aside}
        </header>
      )}
      {children}
    </section>
  );
}
