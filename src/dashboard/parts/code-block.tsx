import { CopyButton } from "./copy-button.tsx";

/** A command or a piece of code to be copied. */
export function CodeBlock({ code }: { code: string }) {
  return (
    <div class="code-block">
      {/* Whoever has no mouse scrolls it with the arrow keys. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <pre tabIndex={0}>{code}</pre>
      <CopyButton text={code} />
    </div>
  );
}
