import { z } from "zod";
import { BullcastError, InvalidHandlerError } from "../errors.ts";
import type { Principal } from "../handed-in.ts";
import { describeIssues, inputIssues } from "../input-issue.ts";
import type { Logger } from "../logger.ts";
import type { ClientMessage } from "../protocol/client-message.ts";
import {
  clientEnvelopeSchema,
  MAX_CLIENT_MESSAGE_BYTES,
  subscribeContentSchema,
  unsubscribeContentSchema,
} from "../protocol/client-message.ts";
import { CLOSE_CODE } from "../protocol/close-code.ts";
import { CUSTOM_TYPE_FORM, CUSTOM_TYPE_PATTERN, isProtocolType } from "../protocol/message.ts";
import type { Topic } from "../protocol/topic.ts";
import { isAdminTopic, maskTopicsIn } from "../protocol/topic.ts";
import type { Connection } from "./connection.ts";

/** Unusable client messages in a row after which a connection is closed (4400). */
const MAX_BAD_MESSAGES = 20;

/** Who sent a custom message, and how to answer. */
export interface MessageContext {
  clientId: string;
  principal: Principal | null;
  requestId: RequestId | undefined;
}

export type RequestId = string | number;

/** Handles one custom message; what it throws is logged and answered with an `error` message. */
export type MessageHandler<Content> = (content: Content, context: MessageContext) => void | Promise<void>;

/** What client messages make the connections do. */
export interface ClientMessageActions {
  pong(connection: Connection, pingId: unknown): void;
  reply(connection: Connection, type: string, content: unknown, requestId: RequestId | undefined): void;
  subscribe(connection: Connection, topics: Topic[], since: string[] | null, requestId: RequestId | undefined): void;
  unsubscribe(connection: Connection, topics: Topic[], requestId: RequestId | undefined): void;
}

type ErrorCode = "bad_message" | "forbidden" | "unknown_type" | "unsupported" | "handler_failed";

/** Reads what clients send. Whatever they send, the answer is an action, an `error` message or a close code. */
export class ClientMessageRouter {
  readonly #actions: ClientMessageActions;
  readonly #logger: Logger;
  readonly #handlers = new Map<string, { schema: z.ZodType; handle: MessageHandler<unknown> }>();

  constructor(actions: ClientMessageActions, logger: Logger) {
    this.#actions = actions;
    this.#logger = logger;
  }

  /**
   * Registers the handler of one custom type.
   *
   * @throws {InvalidHandlerError} when the type is the protocol's own, malformed, or already handled.
   */
  register<Content>(type: string, schema: z.ZodType<Content>, handle: MessageHandler<Content>): void {
    if (isProtocolType(type)) throw new InvalidHandlerError(`"${type}" is a type of the protocol itself`);
    if (!CUSTOM_TYPE_PATTERN.test(type)) {
      throw new InvalidHandlerError(`"${type}" is no message type: expected ${CUSTOM_TYPE_FORM}`);
    }
    if (this.#handlers.has(type)) throw new InvalidHandlerError(`"${type}" already has a handler`);
    this.#handlers.set(type, { schema, handle: handle as MessageHandler<unknown> });
  }

  /** Reads one frame of a client. */
  receive(connection: Connection, data: Buffer, isBinary: boolean): void {
    if (data.length > MAX_CLIENT_MESSAGE_BYTES) {
      const limit = `client messages hold at most ${MAX_CLIENT_MESSAGE_BYTES} bytes`;
      connection.close(CLOSE_CODE.tooLarge, `${limit}, given ${data.length}`);
      return;
    }
    if (isBinary) return this.#refuse(connection, "bad_message", "expected a text frame, given a binary one");
    let given: unknown;
    try {
      given = JSON.parse(data.toString());
    } catch {
      return this.#refuse(connection, "bad_message", "expected a JSON object, given text that is not JSON");
    }
    const envelope = clientEnvelopeSchema.safeParse(given);
    if (!envelope.success) {
      const issues = describeIssues(inputIssues(envelope.error, given, "message"));
      return this.#refuse(connection, "bad_message", issues, requestIdOf(given));
    }
    this.#dispatch(connection, envelope.data);
  }

  #dispatch(connection: Connection, message: ClientMessage): void {
    const requestId = message.meta.request_id;
    switch (message.type) {
      case "pong":
        connection.badMessages = 0;
        return this.#actions.pong(connection, message.meta.ping_id);
      case "ping":
        connection.badMessages = 0;
        return this.#actions.reply(connection, "pong", "pong", requestId);
      case "subscribe":
        return this.#withContent(connection, message, subscribeContentSchema, ({ topics, since }) => {
          const forbidden = connection.isAdmin ? undefined : topics.find(isAdminTopic);
          if (forbidden !== undefined) {
            const text = `topics: \`${forbidden}\` is for administrators: connect with the admin token`;
            return this.#refuse(connection, "forbidden", text, requestId);
          }
          this.#actions.subscribe(connection, topics, since ? Object.values(since) : null, requestId);
        });
      case "unsubscribe":
        return this.#withContent(connection, message, unsubscribeContentSchema, ({ topics }) =>
          this.#actions.unsubscribe(connection, topics, requestId),
        );
      case "authenticate":
        return this.#refuse(connection, "unsupported", "this server does not take tokens in messages", requestId);
      default:
        return this.#dispatchCustom(connection, message);
    }
  }

  #dispatchCustom(connection: Connection, message: ClientMessage): void {
    const requestId = message.meta.request_id;
    const handler = this.#handlers.get(message.type);
    if (!handler) {
      const known = ["ping", "pong", "subscribe", "unsubscribe", ...this.#handlers.keys()].join(", ");
      return this.#refuse(
        connection,
        "unknown_type",
        `type: expected one of ${known}, given "${message.type}"`,
        requestId,
      );
    }
    const { clientId, principal } = connection;
    this.#withContent(connection, message, handler.schema, async (content) => {
      try {
        await handler.handle(content, { clientId, principal, requestId });
      } catch (error) {
        this.#handlerFailed(connection, message, error);
      }
    });
  }

  #withContent<Content>(
    connection: Connection,
    message: ClientMessage,
    schema: z.ZodType<Content>,
    use: (content: Content) => void,
  ): void {
    const requestId = message.meta.request_id;
    try {
      const content = schema.safeParse(message.content);
      if (!content.success) {
        const issues = describeIssues(inputIssues(content.error, message.content, "content"));
        return this.#refuse(connection, "bad_message", issues, requestId);
      }
      connection.badMessages = 0;
      use(content.data);
    } catch (error) {
      if (error instanceof BullcastError) this.#refuse(connection, "bad_message", error.message, requestId);
      // An application's schema may throw, and so may ours on a value nested very deeply.
      else this.#handlerFailed(connection, message, error);
    }
  }

  #handlerFailed(connection: Connection, { type, meta }: ClientMessage, error: unknown): void {
    this.#logger.error({ err: error, clientId: connection.clientId, type }, "a client message could not be handled");
    this.#error(connection, "handler_failed", `the handler of "${type}" failed`, meta.request_id);
  }

  #refuse(connection: Connection, code: ErrorCode, text: string, requestId?: RequestId): void {
    const masked = maskTopicsIn(text);
    this.#logger.debug({ clientId: connection.clientId, code, text: masked }, "client message refused");
    this.#error(connection, code, text, requestId);
    connection.badMessages += 1;
    if (connection.badMessages >= MAX_BAD_MESSAGES) {
      connection.close(CLOSE_CODE.badMessage, `${MAX_BAD_MESSAGES} unusable messages in a row; last: ${masked}`);
    }
  }

  #error(connection: Connection, code: ErrorCode, text: string, requestId: RequestId | undefined): void {
    this.#actions.reply(connection, "error", { code, message: text }, requestId);
  }
}

/** The part of an answer's meta that says which request it is to. */
export function withRequest(requestId: RequestId | undefined): { request_id?: RequestId } {
  return requestId === undefined ? {} : { request_id: requestId };
}

function requestIdOf(given: unknown): RequestId | undefined {
  const parsed = z.object({ meta: z.object({ request_id: z.union([z.string(), z.number()]) }) }).safeParse(given);
  return parsed.success ? parsed.data.meta.request_id : undefined;
}
