import type { ComponentChildren } from "preact";

/** What a colour means, everywhere. */
export type Tone = "neutral" | "accent" | "good" | "warn" | "bad" | "info" | "delayed";

/** A word in a coloured frame. The word says it all: the colour only helps. */
export function Badge({
  tone = "neutral",
  title,
  children,
}: {
  tone?: Tone;
  title?: string;
  children: ComponentChildren;
}) {
  return (
    <span class="badge" data-tone={tone} {...(title !== undefined && { title })}>
      {children}
    </span>
  );
}
