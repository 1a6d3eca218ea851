import { z } from "zod";
import type { SafeHtml } from "./html.ts";
import { parseOptions } from "./widget-options.ts";

export interface TemplateWidgetOptions<Data> {
  /** What the template shows, or a function that fetches it. */
  data: Data | ((signal: AbortSignal) => Data | Promise<Data>);
  /** Makes HTML of the data, with the `html` template. */
  template: (data: Data) => string | SafeHtml;
}

const optionsSchema = z.strictObject(
  {
    data: z.unknown(),
    template: z.custom((value) => typeof value === "function", "a function that answers HTML"),
  },
  { error: "an object of options" },
);

/** A subwidget that fetches data and shows them through a template. */
export class TemplateWidget<Data> {
  readonly #options: TemplateWidgetOptions<Data>;

  /** @throws {InvalidSettingsError} listing every option that cannot be used. */
  constructor(options: TemplateWidgetOptions<Data>) {
    this.#options = parseOptions(optionsSchema, options, "options") as TemplateWidgetOptions<Data>;
  }

  async render(signal: AbortSignal): Promise<string | SafeHtml> {
    const { data, template } = this.#options;
    // A function that is to be shown as data would be of no use in a template.
    const fetched = typeof data === "function" ? await (data as (signal: AbortSignal) => Data)(signal) : data;
    return template(fetched);
  }
}
