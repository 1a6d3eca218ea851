import type { ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";

/** Something that holds for the whole page or for what stands below, for as long as it does. */
export function Banner({ tone, children }: { tone: "warn" | "bad" | "info"; children: ComponentChildren }) {
  return (
    <div class="banner" data-tone={tone} role={tone === "bad" ? "alert" : "status"}>
      <Icon name={tone === "info" ? "info" : "warning"} />
      <div class="banner-text">{children}</div>
    </div>
  );
}
