import { pino } from "pino";
import { onTestFinished } from "vitest";
import type { Connection } from "../../../src/connections/connection.ts";
import { ConnectionManager } from "../../../src/connections/connection-manager.ts";
import type { Frame } from "../../../src/connections/frame.ts";
import { encodeFrame } from "../../../src/connections/frame.ts";
import type { History } from "../../../src/connections/history.ts";
import { NO_HISTORY } from "../../../src/connections/history.ts";
import type { ConnectionManagerOptions, OpenOptions } from "../../../src/connections/options.ts";
import type { Logger } from "../../../src/logger.ts";
import { WebSocketMessage } from "../../../src/protocol/message.ts";
import type { FakeSocket, FakeSocketBehaviour, SentMessage } from "./fake-socket.ts";
import { fakeSocket } from "./fake-socket.ts";

export const WARN = 40;
export const ERROR = 50;

export interface LogRecord {
  level: number;
  msg: string;
  [field: string]: unknown;
}

/** A logger whose records the test can look into. */
export function recordingLogger(): { logger: Logger; logs: LogRecord[] } {
  const logs: LogRecord[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void logs.push(JSON.parse(line) as LogRecord) });
  return { logger, logs };
}

/** A manager with limits no test reaches by accident, and without a heartbeat unless asked for. */
export function makeManager(options: Partial<ConnectionManagerOptions> = {}) {
  const { logger, logs } = recordingLogger();
  const manager = new ConnectionManager({
    logger,
    maxQueueSize: 1000,
    maxQueueBytes: 1024 ** 2,
    maxTotalQueueBytes: 1024 ** 3,
    maxFlushDelayMs: 25,
    enableHeartbeat: false,
    heartbeatInterval: 30,
    heartbeatTimeout: 60,
    ...options,
  });
  return { manager, logs };
}

export interface OpenViewer {
  socket: FakeSocket;
  connection: Connection;
  /** What it was sent on opening. */
  greeting: SentMessage[];
  /** Sends a client message as a text frame. */
  send(message: unknown): void;
  /** Takes out what the socket has been sent since the last time. */
  take(): SentMessage[];
  /** The same once a message of this type is among it. */
  takeUntil(type: string): Promise<SentMessage[]>;
}

/** Opens a connection; what greeted it is taken out already, and kept in `greeting`. */
export function openViewer(
  manager: ConnectionManager,
  { behaviour, ...options }: Partial<OpenOptions> & { behaviour?: FakeSocketBehaviour } = {},
): OpenViewer {
  let told: () => void = () => undefined;
  const socket = fakeSocket({
    ...behaviour,
    onSend: (sent) => {
      behaviour?.onSend?.(sent);
      told();
    },
  });
  const connection = manager.open(socket, {
    clientId: "viewer",
    remoteAddress: "127.0.0.1",
    principal: null,
    topics: [],
    since: null,
    ...options,
  });
  onTestFinished(() => manager.remove(connection));
  // Without waiting for the end of the turn.
  const takeSent = () => {
    manager.flush();
    return socket.sent.splice(0);
  };
  return {
    socket,
    connection,
    greeting: takeSent(),
    send: (message) => manager.receive(connection, Buffer.from(JSON.stringify(message)), false),
    take: takeSent,
    takeUntil: async (type) => {
      while (!socket.sent.some((sent) => sent.type === type)) {
        await new Promise<void>((resolve) => {
          told = resolve;
        });
      }
      return takeSent();
    },
  };
}

/** A message as the notifier would publish it. */
export function message(type: string, content: unknown = null): Frame {
  return encodeFrame(new WebSocketMessage({ type, content }));
}

/** A history that knows nothing, but for what a test says. */
export function fakeHistory(overrides: Partial<History> = {}): History {
  return { ...NO_HISTORY, ...overrides };
}
