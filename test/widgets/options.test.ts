import { expect, test } from "vitest";
import { AsyncWidget, InvalidSettingsError, JobWidget, TableWidget, TemplateWidget } from "../../src/index.ts";
import { makeBridge } from "../http/support.ts";

/** What an error says of each setting. */
function complaintsOf(make: () => unknown): Record<string, string> {
  try {
    make();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidSettingsError);
    const { issues } = error as InvalidSettingsError;
    return Object.fromEntries(issues.map(({ setting, expected, given }) => [setting, `${expected}; ${given}`]));
  }
  throw new Error("nothing was refused");
}

test("every option of a widget that cannot be used is named, with what was expected and given", () => {
  const wrong = {
    bridge: {},
    subwidgets: [() => "", { render: "x" }, 7],
    placeholder: 5,
    ttlSeconds: 0,
    timeoutSeconds: "30",
    concurrency: 1.5,
    timeout: 5,
  };
  expect(complaintsOf(() => new AsyncWidget(wrong as never))).toEqual({
    bridge: "what `createBridge` made; an object",
    "subwidgets.1": 'a function, or an object with a function `render`; {"render":"x"}',
    "subwidgets.2": "a function, or an object with a function `render`; 7",
    placeholder: "text or SafeHtml; 5",
    ttlSeconds: "a number of seconds from 1 to 86400; 0",
    timeoutSeconds: 'a number of seconds from 0.01 to 3600; "30"',
    concurrency: "a whole number from 1 to 100; 1.5",
    timeout: "no such field; 5",
  });
});

test("a widget without parts is refused, and one with the fewest options is not", () => {
  const { bridge } = makeBridge();
  expect(complaintsOf(() => new AsyncWidget({ bridge, subwidgets: [] }))).toEqual({
    subwidgets: "an array of 1 to 100 subwidgets; []",
  });
  expect(complaintsOf(() => new AsyncWidget(undefined as never))).toEqual({
    options: "an object of options; nothing",
  });
  new AsyncWidget({ bridge, subwidgets: [() => ""], placeholder: undefined });
});

test("options of the ready-made subwidgets that cannot be used are named", () => {
  const table = { title: "", columns: [{ title: "A", value: 1 }], rows: "abc", maxRows: 0, empty: 1 };
  expect(complaintsOf(() => new TableWidget(table as never))).toEqual({
    title: 'a text that is not empty; ""',
    "columns.0.value": "the name of a field or a function of a row; 1",
    rows: 'an iterable, an async iterable or a function that answers one; "abc"',
    maxRows: "a whole number of rows from 1 to 10000; 0",
    empty: "a text; 1",
  });
  expect(complaintsOf(() => new TableWidget({ title: "A", columns: [], rows: [] }))).toEqual({
    columns: "an array of at least one column; []",
  });
  const columns = [{ title: "A", value: (row: number) => row }];
  for (const rows of [[1].values(), (async function* () {})() as AsyncGenerator<number>]) {
    expect(complaintsOf(() => new TableWidget({ title: "A", columns, rows }))).toEqual({
      rows: "a function that answers it, as this iterable can be read but once; an object",
    });
  }
  new TableWidget({ title: "A", columns, rows: new Set([1]) });
  expect(complaintsOf(() => new TemplateWidget({ data: 1, template: "x" as never }))).toEqual({
    template: 'a function that answers HTML; "x"',
  });
  expect(complaintsOf(() => new JobWidget({ queue: "a:b", id: "" }))).toEqual({
    queue: 'the name of a queue: 1 to 256 characters without a colon; "a:b"',
    id: 'a job\'s id, not empty; ""',
  });
});

test("a widget of a closed bridge says that it is closed", async () => {
  const { bridge } = makeBridge();
  const widget = new AsyncWidget({ bridge, subwidgets: [() => ""] });
  await bridge.close();
  expect(() => widget.render()).toThrow(/the bridge is closed/);
});
