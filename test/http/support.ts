import { once } from "node:events";
import type { IncomingHttpHeaders, RequestListener, Server } from "node:http";
import { createServer, request, STATUS_CODES } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo, Socket } from "node:net";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import type express from "express";
import { pino } from "pino";
import { expect, inject, onTestFinished } from "vitest";
import { z } from "zod";
import type { Bridge } from "../../src/bridge.ts";
import { createBridge } from "../../src/bridge.ts";
import type { BridgeOptions } from "../../src/config.ts";
import { problemSchema } from "../../src/http/schemas.ts";
import type { LogRecords } from "../support/bridge.ts";
import { uniquePrefix } from "../support/unique.ts";

/** Express 4, which has no types of its own here; what the tests use of it is as in Express 5. */
export const express4 = createRequire(import.meta.url)("express4") as typeof express;

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** The body as it came, compressed or not. */
  bytes: Buffer;
  text: string;
  /** The text read as JSON; undefined when it is none. */
  body: unknown;
}

export interface Call {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as it is. */
  body?: string | Buffer;
  /** Sent as JSON, with its content type. */
  json?: unknown;
}

/** Makes one request on a connection of its own, with any headers, `Host` included. */
export async function call(url: string, { method = "GET", headers = {}, body, json }: Call = {}): Promise<Answer> {
  const payload = json === undefined ? body : JSON.stringify(json);
  const type = json === undefined ? {} : { "content-type": "application/json" };
  const sent = request(url, { method, headers: { ...type, ...headers }, agent: false });
  sent.end(payload);
  const [response] = await once(sent, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString();
  return { status: response.statusCode, headers: response.headers, bytes, text, body: readJson(text) };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A schema that takes no keys but those it names, at any depth. */
export function strict(schema: z.core.$ZodType): z.ZodType {
  if (schema instanceof z.ZodObject) {
    const shape = Object.entries(schema.shape).map(([key, value]) => [key, strict(value as z.core.$ZodType)]);
    return z.strictObject(Object.fromEntries(shape));
  }
  if (schema instanceof z.ZodArray) return z.array(strict(schema.element));
  if (schema instanceof z.ZodRecord) return z.record(z.string(), strict(schema.valueType));
  if (schema instanceof z.ZodOptional) return strict(schema.unwrap()).optional();
  if (schema instanceof z.ZodNullable) return strict(schema.unwrap()).nullable();
  return schema as z.ZodType;
}

/** Checks that the answer is a problem document of this status that says of each wrong field what was expected. */
export function expectProblem(answer: Answer, status: number, fields?: string[]): z.infer<typeof problemSchema> {
  expect(answer).toMatchObject({
    status,
    headers: { "content-type": expect.stringMatching(/^application\/problem\+json/) },
  });
  strict(problemSchema).parse(answer.body);
  const problem = problemSchema.parse(answer.body);
  expect(problem).toMatchObject({ type: "about:blank", title: STATUS_CODES[status], status });
  expect(problem.detail).not.toBe("");
  if (fields) {
    expect(problem.errors?.map(({ field }) => field)).toEqual(fields);
    for (const { expected, given } of problem.errors ?? []) {
      expect(expected).not.toMatch(/^$|invalid input/i);
      expect(given).not.toBe("");
    }
  }
  return problem;
}

/** Starts an HTTP server on a free port that ends with the test; answers the port. */
export async function listen(server: Server, host = "127.0.0.1"): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

export interface TestedBridge {
  bridge: Bridge;
  prefix: string;
  logs: LogRecords;
}

/** A bridge that is not mounted anywhere yet; closed with the test. */
export function makeBridge(options: Partial<BridgeOptions> = {}): TestedBridge {
  const prefix = options.prefix ?? uniquePrefix();
  const logs: LogRecords = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void logs.push(JSON.parse(line)) });
  const bridge = createBridge({ connection: inject("redisUrl"), logger, ...options, prefix });
  onTestFinished(() => bridge.close());
  return { bridge, prefix, logs };
}

export interface MountedBridge extends TestedBridge {
  server: Server;
  port: number;
  httpUrl: string;
  wsUrl: string;
}

/** Starts a bridge on a plain server that listens on `host`; the URLs are of the address given last. */
export async function mountBridge(
  options: Partial<BridgeOptions> = {},
  { host = "127.0.0.1", address = "127.0.0.1" } = {},
): Promise<MountedBridge> {
  const made = makeBridge(options);
  return { ...made, ...(await mount(made.bridge, made.bridge.router, { host, address, basePath: options.basePath })) };
}

/** Serves a bridge through a request listener, say an Express application, and starts it. */
export async function mount(
  bridge: Bridge,
  listener: RequestListener,
  { host = "127.0.0.1", address = "127.0.0.1", basePath = "/ws" as string | undefined } = {},
): Promise<{ server: Server; port: number; httpUrl: string; wsUrl: string }> {
  const server = createServer(listener);
  bridge.attach(server);
  const port = await listen(server, host);
  await bridge.start();
  return { server, port, httpUrl: `http://${address}:${port}${basePath}`, wsUrl: `ws://${address}:${port}${basePath}` };
}

/** This machine's own address on a network: who connects to it is no loopback peer. */
export function ownNetworkAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((interfaces) => interfaces ?? []);
  const address = addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address;
  if (address) return address;
  throw new Error(
    "this test needs a non-loopback IPv4 address; without a network: ip link add dummy0 type dummy && ip address add 192.0.2.1/32 dev dummy0 && ip link set dummy0 up",
  );
}

/** Sends bytes over a plain socket and answers all that came back until the other side ended. */
export async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.write(bytes);
  let received = "";
  for await (const chunk of socket.setEncoding("utf8")) received += chunk;
  return received;
}

/** The text of a WebSocket upgrade as any client sends it; header lines are added as they are. */
export function upgradeText(path: string, headerLines: string[] = ["Host: localhost"], version = "1.1"): string {
  const lines = [
    `GET ${path} HTTP/${version}`,
    ...headerLines,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** A promise and the function that resolves it. */
export function latch<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
