import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { WebSocketServer } from "ws";
import type { Access, Admission } from "../auth/access.ts";
import type { Connection } from "../connections/connection.ts";
import type { ConnectionManager } from "../connections/connection-manager.ts";
import type { Logger } from "../logger.ts";
import { MAX_CLIENT_MESSAGE_BYTES } from "../protocol/client-message.ts";
import { CLOSE_CODE } from "../protocol/close-code.ts";
import { WebSocketMessage } from "../protocol/message.ts";
import { admitInTime } from "./admission.ts";
import type { Problem } from "./problem.ts";
import { problemDocument } from "./problem.ts";
import type { RefusalLog } from "./refusal-log.ts";
import type { ViewerRequest } from "./viewer-request.ts";
import { readViewerRequest } from "./viewer-request.ts";
import { fitReason, WsTransport } from "./ws-transport.ts";

/** `ws` itself cuts frames beyond this off (1009) without taking them into memory; smaller ones can be answered. */
const MAX_PAYLOAD_BYTES = 16 * MAX_CLIENT_MESSAGE_BYTES;

const SHUTTING_DOWN: Problem = { status: 503, detail: "the server is shutting down" };

/** How long a refused viewer may take to close. */
const REFUSAL_TIMEOUT_MS = 2000;

const ERROR_CODES: Readonly<Record<number, string>> = {
  [CLOSE_CODE.badMessage]: "bad_message",
  [CLOSE_CODE.unauthenticated]: "unauthenticated",
  [CLOSE_CODE.internalError]: "internal_error",
};

export interface UpgradeHandlerOptions {
  basePath: string;
  trustProxy: boolean;
  manager: ConnectionManager;
  access: Access;
  refusals: RefusalLog;
  logger: Logger;
}

/** Takes WebSocket upgrades under `basePath` and makes connections of them. */
export class UpgradeHandler {
  readonly #options: UpgradeHandlerOptions;
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD_BYTES,
  });
  /** Handshaken only to be told why not; no connections, so the manager does not know them. */
  readonly #refused = new Set<WebSocket>();
  /** Upgrades that wait for `authenticate`. */
  readonly #pending = new Set<Duplex>();
  #isClosed = false;

  constructor(options: UpgradeHandlerOptions) {
    this.#options = options;
  }

  /** Takes the upgrade over; false, and nothing is touched, when it is not for a path under `basePath`. */
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const { basePath } = this.#options;
    if (request.headers.upgrade?.toLowerCase() !== "websocket") return false;
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    if (path !== basePath && !path.startsWith(`${basePath}/`)) return false;
    // Until the handshake nobody else listens, and an unheard error would end the process.
    const ignoreError = () => socket.destroy();
    socket.on("error", ignoreError);
    this.#admit(request, socket, head, ignoreError).catch((error: unknown) => {
      this.#options.logger.error({ err: error }, "an upgrade failed");
      socket.destroy();
    });
    return true;
  }

  /** From here on upgrades are answered with 503. */
  close(): void {
    this.#isClosed = true;
    for (const webSocket of this.#refused) webSocket.terminate();
    for (const socket of this.#pending) refuseUpgrade(socket, SHUTTING_DOWN);
  }

  async #admit(request: IncomingMessage, socket: Duplex, head: Buffer, ignoreError: () => void): Promise<void> {
    const { access, basePath, refusals, logger } = this.#options;
    if (this.#isClosed) return refuseUpgrade(socket, SHUTTING_DOWN);
    const viewer = readViewerRequest(request.url ?? "/", basePath);
    let admission: Admission | { failure: unknown };
    try {
      this.#pending.add(socket);
      admission = await admitInTime(access, request, viewer.token);
    } catch (failure) {
      logger.error({ err: failure }, "`authenticate` failed; the viewer is refused");
      admission = { failure };
    } finally {
      this.#pending.delete(socket);
    }
    // Gone meanwhile, or refused as the server closes.
    if (socket.destroyed || socket.writableEnded) return;
    if ("refusal" in admission) refusals.add(request, admission.refusal);
    // A browser sees no status of a refused upgrade, but it sees a close code: that tells it not to come again.
    if ("refusal" in admission && admission.refusal.status === 403) return refuseUpgrade(socket, admission.refusal);
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off("error", ignoreError);
      if ("failure" in admission)
        this.#refuse(webSocket, CLOSE_CODE.internalError, "authentication failed on the server");
      else if ("refusal" in admission) this.#refuse(webSocket, CLOSE_CODE.unauthenticated, admission.refusal.detail);
      else if (viewer.problem !== null) this.#refuse(webSocket, CLOSE_CODE.badMessage, viewer.problem);
      else this.#open(webSocket, socket, viewer, admission, this.#remoteAddress(request));
    });
  }

  #open(
    webSocket: WebSocket,
    socket: Duplex,
    viewer: ViewerRequest,
    { principal, isAdmin }: { principal: Connection["principal"]; isAdmin: boolean },
    remoteAddress: string | null,
  ): void {
    const { manager, logger } = this.#options;
    const clientId = viewer.clientId ?? randomUUID();
    const connection = manager.open(new WsTransport(webSocket, socket), {
      clientId,
      remoteAddress,
      principal,
      isAdmin,
      topics: viewer.topics,
      since: viewer.since,
    });
    webSocket.on("message", (data, isBinary) => manager.receive(connection, data as Buffer, isBinary));
    webSocket.on("ping", () => manager.sawLife(connection));
    webSocket.on("pong", () => manager.sawLife(connection));
    webSocket.on("close", () => manager.remove(connection));
    // A broken frame or a lost network; "close" follows.
    webSocket.on("error", (error) => logger.debug({ clientId, reason: error.message }, "socket error"));
    socket.on("drain", () => connection.drained());
  }

  /** Says in full what was wrong, as a close reason is short, and closes. */
  #refuse(webSocket: WebSocket, code: number, reason: string): void {
    this.#refused.add(webSocket);
    const timer = setTimeout(() => webSocket.terminate(), REFUSAL_TIMEOUT_MS);
    webSocket.on("error", () => webSocket.terminate());
    webSocket.on("close", () => {
      clearTimeout(timer);
      this.#refused.delete(webSocket);
    });
    const content = { code: ERROR_CODES[code] ?? "refused", message: reason };
    webSocket.send(JSON.stringify(new WebSocketMessage({ type: "error", content })));
    webSocket.close(code, fitReason(reason));
  }

  #remoteAddress(request: IncomingMessage): string | null {
    const forwarded = this.#options.trustProxy ? request.headers["x-forwarded-for"] : undefined;
    // The last entry is the one our own proxy wrote; those before it anybody may have made up.
    return (
      String(forwarded ?? "")
        .split(",")
        .at(-1)
        ?.trim() ||
      (request.socket.remoteAddress ?? null)
    );
  }
}

/** Answers an upgrade with a problem document instead of a handshake. */
export function refuseUpgrade(socket: Duplex, problem: Problem): void {
  // Nobody else listens on this socket, and an unheard error would end the process.
  socket.on("error", () => socket.destroy());
  // Ended only on our side it would stay open for as long as the other side likes.
  socket.once("finish", () => socket.destroy());
  const body = JSON.stringify(problemDocument(problem));
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    "content-type: application/problem+json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
