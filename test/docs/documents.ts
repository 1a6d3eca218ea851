import { readFileSync } from "node:fs";

const ROOT = new URL("../../", import.meta.url);

/** The text of a document, by its path from the repository's root. */
export function readDocument(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

/** The code blocks of a document in one language, in order. */
export function codeBlocks(document: string, language: string): string[] {
  return [...document.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    ([, code = ""]) => code,
  );
}

/** A code block by the name in its first line, `// name`. */
export function namedBlock(document: string, name: string): string {
  const block = codeBlocks(document, "js").find((code) => code.startsWith(`// ${name}\n`));
  if (!block) throw new Error(`there is no block named ${name}`);
  return block;
}

/** The rows of the table that follows a heading, each as its cells; without its head. */
export function tableAfter(document: string, heading: string): string[][] {
  const section = document.slice(document.indexOf(`\n${heading}\n`) + 1).split(/\n#+ /, 2)[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
