import { CUSTOM_TYPE_PATTERN, isProtocolType } from "../../../protocol/message.ts";
import { TEXTS } from "../../texts.ts";
import type { JsonCheck, JsonError } from "./json-check.ts";
import { checkJson } from "./json-check.ts";

/** A message as it stands in the form. */
export interface MessageDraft {
  /** The id of a client; null for everybody. */
  to: string | null;
  type: string;
  /** JSON, once it is done. */
  content: string;
}

/** What is wrong with each field; null where nothing is. */
export type DraftComplaints = Readonly<Record<keyof MessageDraft, string | null>>;

/** Reads a draft. What has not been written yet is a fault only once somebody has tried to send it. */
export function readDraft(draft: MessageDraft, isTried: boolean): { content: JsonCheck; complaints: DraftComplaints } {
  const texts = TEXTS.messages.form;
  const content = checkJson(draft.content);
  const isBlank = draft.content.trim() === "";
  const missing = (text: string) => (isTried ? text : null);
  return {
    content,
    complaints: {
      to: draft.to === "" ? missing(texts.toMissing) : null,
      type: draft.type === "" ? missing(texts.typeMissing) : complaintOfType(draft.type),
      content: isBlank ? missing(texts.contentMissing) : content.isJson ? null : complaintOfJson(content.error),
    },
  };
}

function complaintOfType(type: string): string | null {
  if (!CUSTOM_TYPE_PATTERN.test(type)) return TEXTS.messages.form.typeForm;
  return isProtocolType(type) ? TEXTS.messages.form.typeTaken : null;
}

function complaintOfJson({ fault, found, line, column }: JsonError): string {
  const texts = TEXTS.messages.json;
  const place = texts.place(line, column);
  const what = texts.faults[fault];
  // For the others the place itself says it.
  const isTold = fault === "value" || fault === "name" || fault === "colon" || fault === "comma" || fault === "more";
  return isTold ? `${place}: ${what}, ${texts.found(found)}` : `${place}: ${what}`;
}
