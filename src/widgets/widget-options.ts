import { z } from "zod";
import { InvalidSettingsError } from "../errors.ts";
import { describeGiven, inputIssues } from "../input-issue.ts";
import { SafeHtml } from "./html.ts";
import type { WidgetStore } from "./widget-store.ts";

/** What a subwidget answers: a string is text and gets escaped, HTML comes from the `html` template. */
export type Rendered = string | SafeHtml;

/** Makes the HTML of one part. `signal` is aborted when nobody waits for it any more. */
export type RenderFunction = (signal: AbortSignal) => Rendered | Promise<Rendered>;

/** One part of a widget. */
export type Subwidget = { render: RenderFunction } | RenderFunction;

/** What a widget needs of a bridge. */
export interface WidgetHost {
  /** Where renderings are kept. */
  readonly widgets: WidgetStore;
  /** Where the bridge serves, for example `/ws`. */
  readonly basePath: string;
}

export interface AsyncWidgetOptions {
  /** The bridge that the page connects to. */
  bridge: WidgetHost;
  /** The parts, each shown in a place of its own, in this order; 1 to 100. */
  subwidgets: readonly Subwidget[];
  /** What each place shows until its part is ready: text or `SafeHtml`. Default "Loading…". */
  placeholder?: Rendered | undefined;
  /** How long results are kept, seconds, and how long somebody may take to come for them. 1 to 86,400. Default 300. */
  ttlSeconds?: number | undefined;
  /** How long one part may take, seconds, from its start. 0.01 to 3,600. Default 30. */
  timeoutSeconds?: number | undefined;
  /** How many parts of one rendering are at work at a time. 1 to 100. Default 4. */
  concurrency?: number | undefined;
}

function isHost(value: unknown): boolean {
  const { widgets, basePath } = (value ?? {}) as Partial<WidgetHost>;
  return typeof widgets?.open === "function" && typeof basePath === "string";
}

function isSubwidget(value: unknown): boolean {
  return typeof value === "function" || typeof (value as { render?: unknown } | null)?.render === "function";
}

export function isRendered(value: unknown): value is Rendered {
  return typeof value === "string" || value instanceof SafeHtml;
}

const SUBWIDGETS = { error: "an array of 1 to 100 subwidgets" };
const SUBWIDGET = { error: "a function, or an object with a function `render`" };
const number = (minimum: number, maximum: number, fallback: number, unit: string) => {
  const error = { error: `a number of ${unit} from ${minimum} to ${maximum}` };
  return z.number(error).min(minimum, error).max(maximum, error).default(fallback);
};
const CONCURRENCY = { error: "a whole number from 1 to 100" };

const optionsSchema = z.strictObject(
  {
    bridge: z.custom<WidgetHost>(isHost, { error: "what `createBridge` made" }),
    subwidgets: z
      .array(z.custom<Subwidget>(isSubwidget, SUBWIDGET), SUBWIDGETS)
      .min(1, SUBWIDGETS)
      .max(100, SUBWIDGETS),
    placeholder: z.custom<Rendered>(isRendered, { error: "text or SafeHtml" }).default("Loading…"),
    ttlSeconds: number(1, 86_400, 300, "seconds"),
    timeoutSeconds: number(0.01, 3600, 30, "seconds"),
    concurrency: z.int(CONCURRENCY).min(1, CONCURRENCY).max(100, CONCURRENCY).default(4),
  },
  { error: "an object of options" },
);

export type AsyncWidgetSettings = z.output<typeof optionsSchema>;

/**
 * Checks the options of a widget and fills in defaults.
 *
 * @throws {InvalidSettingsError} listing every option that cannot be used.
 */
export function parseWidgetOptions(options: AsyncWidgetOptions): AsyncWidgetSettings {
  return parseOptions(optionsSchema, options, "options");
}

/** Reads options with a schema whose errors say what was expected. */
export function parseOptions<Options>(schema: z.ZodType<Options>, options: unknown, root: string): Options {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  const issues = inputIssues(parsed.error, options, root);
  throw new InvalidSettingsError(
    issues.map(({ field, expected, given }) => ({ setting: field, expected, given: nameGiven(options, field, given) })),
  );
}

/** A bridge or a function written as JSON says nothing to anybody. */
function nameGiven(options: unknown, field: string, given: string): string {
  const value = (options as Record<string, unknown> | null)?.[field];
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null && !Array.isArray(value) ? "an object" : given;
}

/** An error for a value that a subwidget answered instead of HTML. */
export function notRendered(value: unknown): TypeError {
  return new TypeError(`a subwidget must answer text or SafeHtml, it answered ${describeGiven(value)}`);
}
