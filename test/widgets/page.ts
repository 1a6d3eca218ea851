import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer as createTcpServer } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import type { Bridge, BridgeOptions, SafeHtml } from "../../src/index.ts";
import { html } from "../../src/index.ts";
import { listen, makeBridge } from "../http/support.ts";
import type { LogRecords } from "../support/bridge.ts";

const AXE = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

/** What a page under test says of itself, told by `record`. */
export interface PageRecord {
  /** Places in the order in which they were filled, epoch ms. */
  shown: { part: number; state: string; at: number }[];
  /** When the page was parsed, epoch ms: none of its scripts ran before. */
  parsedAt: number;
  /** Content that the policy of the page has blocked. */
  violations: string[];
}

/** An application with a bridge and a page. */
export interface Application {
  bridge: Bridge;
  prefix: string;
  origin: string;
  logs: LogRecords;
  /** Called with the path of each request, before it is answered. */
  hold: (path: string) => Promise<void> | void;
}

/**
 * Starts an application whose page has the strictest policy one can have with files of one's own, and no inline code.
 * `body` makes what it shows, anew for each request.
 */
export async function startPage(
  body: (bridge: Bridge) => SafeHtml | Promise<SafeHtml>,
  options: Partial<BridgeOptions> = {},
): Promise<Application> {
  const { bridge, prefix, logs } = makeBridge(options);
  const application: Application = { bridge, prefix, logs, origin: "", hold: () => undefined };
  const server = createServer(async (request, response) => {
    const path = request.url ?? "/";
    await application.hold(path);
    if (path !== "/") return bridge.router(request, response);
    const content = await body(bridge);
    response.writeHead(200, {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": "default-src 'self'",
      "cache-control": "no-store",
    });
    response.end(String(pageHtml(bridge, content)));
  });
  bridge.attach(server);
  application.origin = `http://127.0.0.1:${await listen(server)}`;
  await bridge.start();
  return application;
}

export function pageHtml(bridge: Bridge, content: SafeHtml): SafeHtml {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Page</title>${bridge.browserFiles.tags}<link rel="icon" href="data:,"></head>
<body><main><h1>Page</h1>${content}</main></body></html>`;
}

/** Opens a tab that records what happens to places, and what the policy blocks. */
export async function openTab(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options);
  onTestFinished(() => context.close());
  const tab = await context.newPage();
  await tab.addInitScript(record);
  return tab;
}

function record(): void {
  const told: PageRecord = { shown: [], parsedAt: 0, violations: [] };
  Object.assign(window, { told });
  document.addEventListener("readystatechange", () => {
    told.parsedAt ||= Date.now();
  });
  // The icon of the page is the test's own, so that none is asked for.
  document.addEventListener("securitypolicyviolation", ({ blockedURI, violatedDirective }) => {
    if (!/^img-src/.test(violatedDirective)) told.violations.push(`${violatedDirective}: ${blockedURI}`);
  });
  document.addEventListener("bullcast:shown", ({ target }) => {
    const place = target as Element;
    const [part, state] = [Number(place.getAttribute("part")), String(place.getAttribute("state"))];
    told.shown.push({ part, state, at: Date.now() });
  });
}

/** What a tab has recorded since it loaded its page. */
export function readRecord(tab: Page): Promise<PageRecord> {
  return tab.evaluate("window.told") as Promise<PageRecord>;
}

/** Waits until so many places have been filled; answers the record. Asked from outside: the page may evaluate nothing. */
export async function whenShown(tab: Page, count: number, timeout = 15_000): Promise<PageRecord> {
  const shown = async () => (await readRecord(tab)).shown.length;
  await expect.poll(shown, { timeout, interval: 20 }).toBeGreaterThanOrEqual(count);
  return readRecord(tab);
}

/** What axe finds wrong with the page as it stands. */
export async function violationsOf(tab: Page): Promise<string[]> {
  await tab.evaluate(`${AXE};undefined`);
  return (await tab.evaluate(
    "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html].join(': ')))",
  )) as string[];
}

/** What an element shows, as a reader sees it, in one line. */
export async function seen(element: Locator): Promise<string> {
  return (await seenOfAll(element)).join(" ");
}

/** What each place shows. */
export function placesOf(tab: Page): Promise<string[]> {
  return seenOfAll(tab.locator("bullcast-widget"));
}

async function seenOfAll(elements: Locator): Promise<string[]> {
  const texts = await elements.allInnerTexts();
  return texts.map((text) => text.replace(/\s+/g, " ").trim());
}

/** A stretch of network before an application, which can be cut. */
export async function openNetwork(origin: string): Promise<{ origin: string; cut(): void; mend(): void }> {
  const { port } = new URL(origin);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createTcpServer((socket) => {
    if (isCut) return void socket.destroy();
    const onward = connect(Number(port), "127.0.0.1");
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(one);
      one
        .on("error", () => undefined)
        .on("close", () => {
          sockets.delete(one);
          other.destroy();
        });
    }
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    cut();
    server.close();
  });
  const mend = () => {
    isCut = false;
  };
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cut, mend };
}

/** Checks that nothing was blocked and nothing filled twice. */
export function expectClean({ shown, violations }: PageRecord): void {
  expect(violations).toEqual([]);
  expect(new Set(shown.map(({ part }) => part)).size).toBe(shown.length);
}
