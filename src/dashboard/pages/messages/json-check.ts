/** What a text that is to be JSON lacks, or has too much. */
export type JsonFault =
  /** A value is missing. */
  | "value"
  /** The name of a property is missing. */
  | "name"
  /** A name has no colon after it. */
  | "colon"
  /** Something follows an element of an array or object without a comma. */
  | "comma"
  /** A comma stands before a closing bracket. */
  | "trailing-comma"
  /** Something follows the value. */
  | "more"
  /** A string is not closed on its line. */
  | "open-string"
  /** A backslash is followed by what it may not be. */
  | "escape"
  /** A string holds a control character, say a tab, as it is. */
  | "control-character"
  /** It is JSON, and nested more deeply than this browser reads. */
  | "depth";

/** The first place at which a text ceases to be JSON. */
export interface JsonError {
  fault: JsonFault;
  /** The character there; null at the end of the text. */
  found: string | null;
  /** From 1. */
  line: number;
  /** From 1, in characters as people count them. */
  column: number;
}

export type JsonCheck = { isJson: true; value: unknown } | { isJson: false; error: JsonError };

/**
 * Reads a text as JSON, or says where it is none. Browsers do not: Safari names no place at all, Chrome names one for
 * some faults only, and each has words of its own.
 */
export function checkJson(text: string): JsonCheck {
  try {
    return { isJson: true, value: JSON.parse(text) };
  } catch {
    const { fault, at } = findFault(text) ?? { fault: "depth", at: 0 };
    return { isJson: false, error: { fault, found: characterAt(text, at), ...placeOf(text, at) } };
  }
}

type Expected = "value" | "value-or-end" | "name" | "name-or-end" | "colon" | "comma" | "nothing";

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING_SPECIAL = /["\\\p{Cc}]/gu;
const ESCAPE = /\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4})/y;
/** What is wrong where something else stands than what is expected. */
const FAULT_OF: Readonly<Record<Expected, JsonFault>> = {
  value: "value",
  "value-or-end": "value",
  name: "name",
  "name-or-end": "name",
  colon: "colon",
  comma: "comma",
  nothing: "more",
};

interface Fault {
  fault: JsonFault;
  at: number;
}

/** Reads without recursion: a text may open as many brackets as it likes. */
function findFault(text: string): Fault | null {
  const open: string[] = [];
  let expected: Expected = "value";
  let at = 0;
  const afterValue = (): Expected => (open.length === 0 ? "nothing" : "comma");
  for (;;) {
    at = endOf(SPACE, text, at) ?? at;
    const character: string | undefined = text[at];
    if (character === undefined) return expected === "nothing" ? null : { fault: FAULT_OF[expected], at };
    const closes = open.at(-1) === "{" ? "}" : "]";
    const isName: boolean = expected === "name" || expected === "name-or-end";
    const isValue: boolean = expected === "value" || expected === "value-or-end";
    if (character === closes && open.length > 0 && expected !== "colon") {
      const isAfterComma = expected === "name" || (expected === "value" && closes === "]");
      if (isAfterComma) return { fault: "trailing-comma", at };
      if (expected === "value") return { fault: "value", at };
      open.pop();
      expected = afterValue();
      at += 1;
    } else if (expected === "comma" && character === ",") {
      expected = closes === "}" ? "name" : "value";
      at += 1;
    } else if (expected === "colon" && character === ":") {
      expected = "value";
      at += 1;
    } else if (character === '"' && (isName || isValue)) {
      const end = endOfString(text, at);
      if (typeof end !== "number") return end;
      expected = isName ? "colon" : afterValue();
      at = end;
    } else if (isValue && (character === "{" || character === "[")) {
      open.push(character);
      expected = character === "{" ? "name-or-end" : "value-or-end";
      at += 1;
    } else {
      const end: number | null = isValue ? endOf(SCALAR, text, at) : null;
      if (end === null) return { fault: FAULT_OF[expected], at };
      expected = afterValue();
      at = end;
    }
  }
}

/** Where the string that begins at `start` has ended, or what is wrong with it. */
function endOfString(text: string, start: number): number | Fault {
  let at = start + 1;
  for (;;) {
    STRING_SPECIAL.lastIndex = at;
    const special = STRING_SPECIAL.exec(text);
    if (!special) return { fault: "open-string", at: start };
    const [character] = special;
    at = special.index;
    if (character === '"') return at + 1;
    if (character === "\n" || character === "\r") return { fault: "open-string", at: start };
    if (character === "\\") {
      const end = endOf(ESCAPE, text, at);
      if (end === null) return { fault: "escape", at };
      at = end;
      // JSON forbids the control characters below the space only.
    } else if (character < " ") return { fault: "control-character", at };
    else at += 1;
  }
}

function endOf(pattern: RegExp, text: string, at: number): number | null {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : null;
}

function characterAt(text: string, at: number): string | null {
  const code = text.codePointAt(at);
  return code === undefined ? null : String.fromCodePoint(code);
}

function placeOf(text: string, at: number): { line: number; column: number } {
  const lines = text.slice(0, at).split(/\r\n|\r|\n/);
  return { line: lines.length, column: [...(lines.at(-1) ?? "")].length + 1 };
}
