import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { inject, onTestFinished } from "vitest";
import type { Bridge } from "../../src/bridge.ts";
import { createBridge } from "../../src/bridge.ts";
import type { BridgeOptions } from "../../src/config.ts";
import { uniquePrefix } from "./unique.ts";

/** Log records a bridge under test has written, newest last. */
export type LogRecords = { level: number; msg: string; [field: string]: unknown }[];

export interface RunningBridge {
  bridge: Bridge;
  prefix: string;
  /** For example `http://127.0.0.1:40123/ws`. */
  httpUrl: string;
  /** For example `ws://127.0.0.1:40123/ws`. */
  wsUrl: string;
  logs: LogRecords;
  close(): Promise<void>;
}

/**
 * Starts a bridge, as a Redis user who may only read, on a loopback port: a free one unless one is named. Both end with
 * the test.
 */
export async function startBridge(options: Partial<BridgeOptions> = {}, wantedPort = 0): Promise<RunningBridge> {
  const prefix = options.prefix ?? uniquePrefix();
  const logs: LogRecords = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void logs.push(JSON.parse(line)) });
  const bridge = createBridge({ connection: inject("readOnlyUrl"), logger, ...options, prefix });
  const server = createServer(bridge.router);
  bridge.attach(server);
  await new Promise<void>((resolve) => server.listen(wantedPort, "127.0.0.1", resolve));
  await bridge.start();
  const close = async () => {
    await bridge.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  const { port } = server.address() as AddressInfo;
  const basePath = options.basePath ?? "/ws";
  return {
    bridge,
    prefix,
    logs,
    close,
    httpUrl: `http://127.0.0.1:${port}${basePath}`,
    wsUrl: `ws://127.0.0.1:${port}${basePath}`,
  };
}
