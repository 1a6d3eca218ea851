import { BullcastClientError } from "./bullcast-client-error.ts";

const CLIENT_ID = /^[A-Za-z0-9._~-]{1,128}$/;
const SCHEMES: Readonly<Record<string, string>> = { "http:": "ws:", "https:": "wss:", "ws:": "ws:", "wss:": "wss:" };

/**
 * The URL to connect to, without credentials. It watches nothing: topics come with `subscribe`, which says more than a
 * URL can and is not bounded by what servers take for one.
 *
 * @throws {BullcastClientError} `INVALID_OPTIONS` when the URL or the client id cannot be used.
 */
export function endpoint(url: string, clientId: string | undefined): URL {
  const base = (globalThis as { location?: { href: string } }).location?.href;
  if (!URL.canParse(url, base)) {
    const form = base === undefined ? "a whole URL, as there is no page here that it could belong to" : "a URL";
    throw new BullcastClientError("INVALID_OPTIONS", `url: expected ${form}, given "${url}"`);
  }
  const resolved = new URL(url, base);
  const scheme = SCHEMES[resolved.protocol];
  if (!scheme) {
    throw new BullcastClientError("INVALID_OPTIONS", `url: expected ws, wss, http or https, given "${url}"`);
  }
  resolved.protocol = scheme;
  // A WebSocket refuses one.
  resolved.hash = "";
  if (clientId !== undefined) {
    if (!CLIENT_ID.test(clientId)) {
      throw new BullcastClientError(
        "INVALID_OPTIONS",
        `clientId: expected 1 to 128 of the characters A-Z a-z 0-9 . _ ~ -, given "${clientId}"`,
      );
    }
    resolved.pathname = `${resolved.pathname.replace(/\/$/, "")}/${clientId}`;
  }
  resolved.searchParams.set("watch", "none");
  return resolved;
}
