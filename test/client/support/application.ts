import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { inject, onTestFinished } from "vitest";
import type { Bridge, BridgeOptions } from "../../../src/index.ts";
import { createBridge } from "../../../src/index.ts";

export interface Application {
  bridge: Bridge;
  port: number;
  origin: string;
  url: string;
  close(): Promise<void>;
}

/** A plain HTTP server with a bridge under `/ws`, on a port that may be given; `page` answers everything else. */
export async function startApplication(
  options: Partial<BridgeOptions>,
  { port = 0, page }: { port?: number; page?: (path: string) => Promise<{ type: string; body: string | Buffer }> } = {},
): Promise<Application> {
  const logger = pino({ level: "silent" });
  const bridge = createBridge({ connection: inject("redisUrl"), logger, ...options });
  const server = createServer((request, response) =>
    bridge.router(request, response, async () => {
      try {
        const { type, body } = (await page?.(request.url ?? "/")) ?? { type: "text/plain", body: "" };
        response.setHeader("content-type", type).end(body);
      } catch {
        response.writeHead(404).end();
      }
    }),
  );
  bridge.attach(server);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await bridge.start();
  let isClosed = false;
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    await bridge.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  const bound = (server.address() as AddressInfo).port;
  const host = `127.0.0.1:${bound}`;
  return { bridge, port: bound, origin: `http://${host}`, url: `ws://${host}/ws`, close };
}
