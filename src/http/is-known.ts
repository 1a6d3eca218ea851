import type { IncomingMessage } from "node:http";

/** Whether the browser has this version already (`If-None-Match`), so that 304 is answer enough. */
export function isKnown({ headers }: IncomingMessage, etag: string): boolean {
  const known = (headers["if-none-match"] ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return known.includes(etag.replace(/^W\//, "")) || known.includes("*");
}
