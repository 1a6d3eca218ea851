import { existsSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { helpText } from "../../src/cli/flags.ts";
import { ENVIRONMENT, parseServerSettings } from "../../src/config.ts";
import { openApiDocument } from "../../src/http/openapi.ts";
import { CLOSE_CODE } from "../../src/protocol/close-code.ts";
import { JOB_MESSAGE_TYPES, QUEUE_MESSAGE_TYPES } from "../../src/protocol/message.ts";
import { readDocument, tableAfter } from "./documents.ts";

const README = readDocument("README.md");
const PROTOCOL = readDocument("docs/PROTOCOL.md");
const DOCUMENTS = [
  "README.md",
  "CONTRIBUTING.md",
  "docs/PROTOCOL.md",
  "docs/GUARANTEES.md",
  "docs/PERFORMANCE.md",
  "docs/WIDGETS.md",
  "CHANGELOG.md",
];

test("the settings table names every setting with its variable and default", () => {
  const defaults = parseServerSettings({ connection: "redis://127.0.0.1:6379" }) as unknown as Record<string, unknown>;
  const rows = new Map(
    tableAfter(README, "## Settings").map(([option = "", ...rest]) => [option.replaceAll("`", ""), rest]),
  );
  const serverOnly = ["host", "port", "logLevel"];
  const documented = Object.keys({ ...defaults, adminToken: 0, authenticate: 0, logger: 0 }).filter(
    (name) => !serverOnly.includes(name),
  );
  expect([...rows.keys()].filter(Boolean).sort()).toEqual(documented.sort());
  for (const [option, [variable = "", fallback = ""]] of rows) {
    if (option === "") continue;
    const known = ENVIRONMENT[option as keyof typeof ENVIRONMENT]?.variable ?? "";
    expect({ option, variable: variable.replaceAll("`", "") }).toEqual({ option, variable: known });
    const value = defaults[option];
    if (["string", "number", "boolean"].includes(typeof value))
      expect(fallback.replaceAll("`", "")).toContain(String(value));
  }
  for (const { variable } of Object.values(ENVIRONMENT)) expect(README).toContain(`\`${variable}\``);
});

test("the REST table has exactly the routes of the OpenAPI description", () => {
  const documented = tableAfter(README, "## REST").map(([route = ""]) => route.replaceAll("`", ""));
  const { paths } = openApiDocument("/ws", "1.0.0") as { paths: Record<string, Record<string, unknown>> };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(documented.sort()).toEqual(described.sort());
});

test("the protocol document names every close code and message type", () => {
  const codes = tableAfter(PROTOCOL, "## Close codes").map(([code]) => Number(code));
  expect(codes).toEqual(expect.arrayContaining(Object.values(CLOSE_CODE)));
  for (const type of [...JOB_MESSAGE_TYPES, ...QUEUE_MESSAGE_TYPES]) expect(PROTOCOL).toContain(`\`${type}\``);
});

test("the help text names every variable", () => {
  const help = helpText();
  for (const { variable } of Object.values(ENVIRONMENT)) expect(help).toContain(variable);
});

test("the documents' links lead somewhere", () => {
  for (const document of DOCUMENTS) {
    const base = new URL(`../../${document}`, import.meta.url);
    const text = readDocument(document);
    for (const [, target = ""] of text.matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      if (path)
        expect({ document, target, exists: existsSync(new URL(path, base)) }).toEqual({
          document,
          target,
          exists: true,
        });
      else expect(text.toLowerCase()).toContain(`# ${anchor?.replaceAll("-", " ")}\n`);
    }
  }
});

test("no file of the library is imported against its rank in the contributing guide", () => {
  const guide = readDocument("CONTRIBUTING.md");
  const folders = readdirSync(new URL("../../src/", import.meta.url), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  for (const { name } of folders) expect(guide).toContain(`src/${name}/`);
});
