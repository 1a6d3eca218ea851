import fc from "fast-check";
import { expect, test } from "vitest";
import { checkJson } from "../../src/dashboard/pages/messages/json-check.ts";

function faultOf(text: string): string {
  const check = checkJson(text);
  return check.isJson ? "none" : `${check.error.fault} at ${check.error.line}:${check.error.column}`;
}

test("JSON of any kind is read", () => {
  for (const value of [null, true, -1.5e-7, 'tab \t, quote " and 𝄞', [], {}, [{ a: [1, { b: null }] }]]) {
    expect(checkJson(` ${JSON.stringify(value, null, 2)}\n`)).toEqual({ isJson: true, value });
  }
});

test.each([
  ["", "value at 1:1", null],
  ["  \n ", "value at 2:2", null],
  ["nul", "value at 1:1", "n"],
  ["01", "more at 1:2", "1"],
  ["1.", "more at 1:2", "."],
  ["'a'", "value at 1:1", "'"],
  ["{} {}", "more at 1:4", "{"],
  ["{a: 1}", "name at 1:2", "a"],
  ['{"a" 1}', "colon at 1:6", "1"],
  ['{"a"}', "colon at 1:5", "}"],
  ['{"a": }', "value at 1:7", "}"],
  ['{"a": 1 "b": 2}', "comma at 1:9", '"'],
  ['{"a": 1,\n  "b": 2,\n}', "trailing-comma at 3:1", "}"],
  ["[1, 2,]", "trailing-comma at 1:7", "]"],
  ["[1, 2", "comma at 1:6", null],
  ["[1}", "comma at 1:3", "}"],
  ["]", "value at 1:1", "]"],
  ['{"a": "one\n"}', "open-string at 1:7", '"'],
  ['"never closed', "open-string at 1:1", '"'],
  ['{"path": "C:\\temp\\x"}', "escape at 1:18", "\\"],
  ['"a\tb"', "control-character at 1:3", "\t"],
  ['["𝄞𝄞" 1]', "comma at 1:7", "1"],
  ["[1,\r\n2,\r\n,]", "value at 3:1", ","],
])("%j is no JSON, and the place is named", (text, expected, found) => {
  expect(faultOf(text)).toBe(expected);
  expect(checkJson(text)).toMatchObject({ isJson: false, error: { found } });
});

test("characters beyond the control ones of JSON are taken as they are", () => {
  expect(faultOf('"\u007f\u0085\u2028"')).toBe("none");
});

test("a text that opens too many brackets is told about in no time, and without an end of the stack", () => {
  expect(faultOf("[".repeat(250_000))).toBe("value at 1:250001");
  expect(faultOf(`"${"a\\n".repeat(80_000)}`)).toBe("open-string at 1:1");
});

test("a place is found in whatever JSON is not, and never after the text up to it could have gone on", () => {
  const damaged = fc
    .tuple(fc.json(), fc.nat(), fc.nat(3), fc.string({ maxLength: 2 }))
    .map(([json, at, removed, added]) => {
      const start = at % (json.length + 1);
      return json.slice(0, start) + added + json.slice(start + removed);
    });
  fc.assert(
    fc.property(damaged, (text) => {
      const check = checkJson(text);
      fc.pre(!check.isJson);
      if (check.isJson) return;
      const { fault, line, column } = check.error;
      expect(fault).not.toBe("depth");
      const lines = text.split(/\r\n|\r|\n/);
      expect(line).toBeLessThanOrEqual(lines.length);
      expect(column).toBeLessThanOrEqual([...(lines[line - 1] ?? "")].length + 1);
    }),
    { numRuns: 500 },
  );
});
