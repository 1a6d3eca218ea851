import { describeGiven } from "../input-issue.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** HTML that may go into a page as it stands. Made by `html` and `raw`; `String(it)` is its text. */
export class SafeHtml {
  readonly #text: string;

  /** Use `html`, which escapes, or `raw`, which says that it does not. */
  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What may stand in an `html` template: text is escaped; null, undefined and booleans show nothing. */
export type HtmlValue = SafeHtml | string | number | bigint | boolean | null | undefined | readonly HtmlValue[];

/**
 * Makes HTML of a template, with every value escaped but those that are `SafeHtml` already. Values may stand in text and
 * in quoted attributes; what a link's URL or a script means is not looked into.
 *
 *     html`<p title="${title}">${text}</p>`
 *
 * @throws {TypeError} for a value that has no text, such as a function or a promise that was not awaited.
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): SafeHtml {
  let text = strings[0] ?? "";
  for (const [index, value] of values.entries()) text += toHtml(value) + strings[index + 1];
  return new SafeHtml(text);
}

/** Takes a text for HTML as it stands. Never give it what somebody else has written. */
export function raw(text: string): SafeHtml {
  return new SafeHtml(String(text));
}

/** A value as HTML. */
export function toHtml(value: HtmlValue): string {
  if (value instanceof SafeHtml) return value.toString();
  if (typeof value === "string") return value.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (value === null || value === undefined || typeof value === "boolean") return "";
  if (Array.isArray(value)) return value.map(toHtml).join("");
  throw new TypeError(
    `html: expected text, a number, SafeHtml or an array of them, given ${value instanceof Promise ? "a promise: await it first" : describeGiven(value)}`,
  );
}
