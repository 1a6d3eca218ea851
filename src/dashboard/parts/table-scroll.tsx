import type { ComponentChildren } from "preact";

/** Around a table that may be wider than its place; `label` says what is in it. */
export function TableScroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls it with the arrow keys
    // biome-ignore lint/a11y/useSemanticElements: a section would be one more landmark beside the card around it
    <div class="table-scroll" role="group" tabIndex={0} aria-label={label}>
      {children}
    </div>
  );
}
