import type { SafeHtml } from "./html.ts";
import { html } from "./html.ts";
import type { Rendered } from "./widget-options.ts";

/** What stands in the place of something that is waited for: a spinner, and a text that is read out. */
export function loadingBlock(text: Rendered): SafeHtml {
  return html`<div class="bullcast-loading" role="status" aria-busy="true"><span class="bullcast-spinner" aria-hidden="true"></span> ${text}</div>`;
}
