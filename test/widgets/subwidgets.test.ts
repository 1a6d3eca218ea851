import { expect, test } from "vitest";
import { html, JobWidget, TableWidget, TemplateWidget } from "../../src/index.ts";

const { signal } = new AbortController();
const textOf = async (widget: { render(signal: AbortSignal): unknown }) => String(await widget.render(signal));

test("a table shows fields and what functions make of rows, all as text but SafeHtml", async () => {
  const rows = [
    { name: "<b>", price: 5, isSold: false, at: new Date(0) },
    { name: `"'&`, price: null, isSold: true, at: null },
  ];
  const table = new TableWidget({
    title: "Stock & <more>",
    columns: [
      { title: "Name", value: "name" },
      { title: "Price", value: ({ price }) => price !== null && html`<b>${price}</b>` },
      { title: "Sold", value: "isSold" },
      { title: "At", value: "at" },
    ],
    rows,
  });
  const text = await textOf(table);
  expect(text).toContain("<caption>Stock &amp; &lt;more&gt;</caption>");
  expect(text).toContain(
    '<th scope="col">Name</th><th scope="col">Price</th><th scope="col">Sold</th><th scope="col">At</th>',
  );
  expect(text).toContain("<td>&lt;b&gt;</td><td><b>5</b></td><td>false</td><td>1970-01-01T00:00:00.000Z</td>");
  expect(text).toContain("<td>&quot;&#39;&amp;</td><td>false</td><td>true</td><td></td>");
});

test("a table reads an async iterable only as far as it shows rows, ends it, and says that there are more", async () => {
  const read: number[] = [];
  let isEnded = false;
  const endless = async function* () {
    try {
      for (let row = 0; ; row += 1) {
        read.push(row);
        yield { row };
      }
    } finally {
      isEnded = true;
    }
  };
  const options = { title: "Numbers", columns: [{ title: "Number", value: "row" as const }], maxRows: 3 };

  const text = await textOf(new TableWidget({ ...options, rows: endless }));

  expect(text.match(/<td>/g)).toHaveLength(3);
  expect(text).toContain("Only the first 3 rows are shown.");
  expect({ read, isEnded }).toEqual({ read: [0, 1, 2, 3], isEnded: true });
  const exact = await textOf(new TableWidget({ ...options, rows: [{ row: 1 }, { row: 2 }, { row: 3 }] }));
  expect(exact.match(/<td>/g)).toHaveLength(3);
  expect(exact).not.toContain("Only the first");
});

test("a table without rows says so, and one that is not needed any more stops reading", async () => {
  const columns = [{ title: "Number", value: (row: number) => row }];
  const empty = new TableWidget<number>({ title: "None", columns, rows: async () => [], empty: "No <orders> yet." });
  expect(await textOf(empty)).toContain('<td colspan="1">No &lt;orders&gt; yet.</td>');

  const controller = new AbortController();
  const rows = async function* () {
    yield 1;
    controller.abort(new Error("not needed"));
    yield 2;
  };
  await expect(new TableWidget({ title: "Some", columns, rows }).render(controller.signal)).rejects.toThrow(
    "not needed",
  );
});

test("a table whose rows turn out to be none says which table, what was expected and what came", async () => {
  const columns = [{ title: "Row", value: String }];
  const render = (found: unknown) =>
    new TableWidget({ title: "Orders", columns, rows: () => found as string[] }).render(new AbortController().signal);

  await expect(render(undefined)).rejects.toThrow(
    'rows of table "Orders": expected an iterable or an async iterable, given nothing',
  );
  await expect(render({ total: 12 })).rejects.toThrow('given {"total":12}');
  await expect(render(() => [])).rejects.toThrow("given a function");
});

test("a table whose rows hang is ended by the abort, and does not wait for their end", async () => {
  const columns = [{ title: "Number", value: (row: number) => row }];
  const controller = new AbortController();
  let returns = 0;
  const hanging = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<IteratorResult<number>>(() => controller.abort(new Error("out of time"))),
      return: () => {
        returns += 1;
        return new Promise<IteratorResult<number>>(() => undefined);
      },
    }),
  };
  const table = new TableWidget({ title: "Some", columns, rows: hanging });
  await expect(table.render(controller.signal)).rejects.toThrow("out of time");
  expect(returns).toBe(1);
});

test("a template shows data, fetched or given", async () => {
  const template = ({ name }: { name: string }) => html`<p>${name}</p>`;
  expect(await textOf(new TemplateWidget({ data: { name: "<Ada>" }, template }))).toBe("<p>&lt;Ada&gt;</p>");
  const given: AbortSignal[] = [];
  const fetched = new TemplateWidget({
    data: async (signal) => {
      given.push(signal);
      return { name: "Bo" };
    },
    template,
  });
  expect(await textOf(fetched)).toBe("<p>Bo</p>");
  expect(given).toEqual([signal]);
});

test("a job's element names its job whatever characters that has", () => {
  const text = String(new JobWidget({ queue: 'a"<', id: "7'&:8" }).render());
  expect(text).toMatch(/^<bullcast-job queue="a&quot;&lt;" id="7&#39;&amp;:8">/);
});
