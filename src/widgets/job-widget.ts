import { z } from "zod";
import { QUEUE_NAME_PATTERN } from "../handed-in.ts";
import type { SafeHtml } from "./html.ts";
import { html } from "./html.ts";
import { loadingBlock } from "./loading-block.ts";
import { parseOptions } from "./widget-options.ts";

export interface JobWidgetOptions {
  /** The name of a queue that the bridge is attached to. */
  queue: string;
  /** The job's id. */
  id: string;
}

const optionsSchema = z.strictObject(
  {
    queue: z.string().regex(QUEUE_NAME_PATTERN, { error: "the name of a queue: 1 to 256 characters without a colon" }),
    id: z.string({ error: "a job's id, a text" }).min(1, { error: "a job's id, not empty" }),
  },
  { error: "an object of options" },
);

/**
 * Shows one job live: state, progress and the end of its log. There is nothing to wait for, so it may stand in a page
 * by itself as well as in an `AsyncWidget`.
 */
export class JobWidget {
  readonly #options: JobWidgetOptions;

  /** @throws {InvalidSettingsError} listing every option that cannot be used. */
  constructor(options: JobWidgetOptions) {
    this.#options = parseOptions(optionsSchema, options, "options");
  }

  render(): SafeHtml {
    const { queue, id } = this.#options;
    return html`<bullcast-job queue="${queue}" id="${id}">${loadingBlock("Loading…")}<noscript>How job ${id} of ${queue} stands is shown live, which needs JavaScript.</noscript></bullcast-job>`;
  }
}
