import type { MessageMeta } from "../protocol/message.ts";
import { isProtocolType, WebSocketMessage } from "../protocol/message.ts";
import type { Topic } from "../protocol/topic.ts";
import { ALL_TOPIC } from "../protocol/topic.ts";
import { BackOff } from "./back-off.ts";
import { BullcastClientError } from "./bullcast-client-error.ts";
import type { Clock } from "./clock.ts";
import { REAL_CLOCK } from "./clock.ts";
import { CursorBook } from "./cursor-book.ts";
import { endpoint } from "./endpoint.ts";
import type { JobView } from "./job-view.ts";
import type { JobWatch } from "./job-watches.ts";
import { JobWatches } from "./job-watches.ts";
import type { KnownMessageType } from "./known-messages.ts";
import type { ClientState } from "./link.ts";
import { Link } from "./link.ts";
import { Listeners } from "./listeners.ts";
import { RepetitionFilter } from "./repetition-filter.ts";
import type { MessageOf, ServerMessage } from "./server-message.ts";
import { isType } from "./server-message.ts";
import type { SubscribeResult } from "./subscribe-call.ts";
import { MAX_MESSAGE_BYTES, wireBytes } from "./subscribe-plan.ts";
import { Subscriber } from "./subscriber.ts";
import type { WebSocketConstructor } from "./web-socket-like.ts";
import { findWebSocket } from "./web-socket-like.ts";

const DEFAULT_MIN_DELAY_MS = 250;
const DEFAULT_MAX_DELAY_MS = 10_000;

export interface BullcastClientOptions {
  /** Where the bridge is: `wss://host/ws`, or in a page also relative to it, `/ws`. */
  url: string;
  /** What to watch from the start: `*`, `queue:<name>`, `job:<queue>:<id>`. Default `["*"]`. */
  topics?: readonly Topic[];
  /** Names the connection, 1 to 128 of `A-Z a-z 0-9 . _ ~ -`. Default: the server chooses. */
  clientId?: string;
  /** Credentials; a function is asked before each attempt, so that they are fresh. Default: none. */
  token?: string | (() => string | Promise<string>);
  /** The WebSocket to use, for example that of `ws`. Default: that of the platform. */
  WebSocket?: WebSocketConstructor;
  /** Waiting between attempts: anything from 0 to a bound that starts at `minDelayMs` (250) and doubles up to `maxDelayMs` (10,000). */
  reconnect?: { minDelayMs?: number; maxDelayMs?: number };
  /** @internal */
  clock?: Clock;
  /** @internal Answers numbers from 0 up to 1. */
  random?: () => number;
}

/** What a client tells of beside messages of single types. */
interface ClientEvents {
  /** Every message of the server, once. */
  message: ServerMessage;
  state: ClientState;
  error: BullcastClientError;
}

type EventOf<Name extends string> = Name extends keyof ClientEvents ? ClientEvents[Name] : MessageOf<Name>;

/**
 * A connection to a bullcast bridge that comes back by itself and resumes where it was. Nothing is missed without a
 * `gap` message saying so: the server sends one where history is gone, the client where it cannot resume.
 */
export class BullcastClient {
  readonly #link: Link;
  readonly #cursors = new CursorBook();
  readonly #filter = new RepetitionFilter();
  readonly #subscriber: Subscriber;
  readonly #watches: JobWatches;
  readonly #messages = new Listeners<ServerMessage>();
  readonly #states = new Listeners<ClientState>();
  readonly #errors = new Listeners<BullcastClientError>();
  readonly #byType = new Map<string, Listeners<ServerMessage>>();
  /** Where it connects to, as it may be shown: without query, which may hold credentials. */
  readonly #address: string;
  /** Whether the console has been told of the outage that lasts. */
  #isOutageTold = false;

  /** @throws {BullcastClientError} when an option cannot be used, or there is no WebSocket. */
  constructor(options: BullcastClientOptions) {
    const { url, clientId, token, reconnect = {}, clock = REAL_CLOCK, random = Math.random } = options;
    const Socket = findWebSocket(options.WebSocket);
    const target = endpoint(url, clientId);
    this.#address = `${target.origin}${target.pathname}`;
    this.#subscriber = new Subscriber(this.#cursors, {
      send: (type, content, meta) => this.#link.send(JSON.stringify({ type, content, meta })),
      gap: (queue) => this.#tellGap(queue),
      refused: (topics, error) => {
        this.#watches.refused(topics, error);
        this.#fail(error);
      },
    });
    this.#watches = new JobWatches(this.#subscriber);
    this.#link = new Link(
      {
        openSocket: (address) => new Socket(address),
        url: async () => withToken(target, typeof token === "function" ? await token() : token),
        backOff: new BackOff(delaysIn(reconnect), random),
        clock,
      },
      {
        stateChanged: (state) => {
          if (state === "open" || state === "closed") this.#isOutageTold = false;
          this.#states.emit(state);
        },
        connected: () => {
          if (!this.#subscriber.connected()) this.#link.settled();
        },
        received: (message) => this.#receive(message),
        disconnected: () => this.#subscriber.disconnected(),
        closed: (error) => {
          this.#subscriber.closed(error);
          this.#watches.closed(error);
        },
        failed: (error) => this.#fail(error),
      },
    );
    // An empty list is "nothing yet"; what is not a topic must be heard of here and now.
    this.#subscriber.want(options.topics ?? [ALL_TOPIC]);
  }

  get state(): ClientState {
    return this.#link.state;
  }

  /**
   * Listens: to every `message`, to each `state`, to `error`s, or to messages of one type. Answers how to stop.
   * An error nobody listens to is written to the console; of attempts to connect that fail one after the other only
   * the first, in one line.
   */
  on<Name extends KnownMessageType | keyof ClientEvents>(
    name: Name,
    listener: (event: EventOf<Name>) => void,
  ): () => void;
  on(name: string, listener: (message: ServerMessage) => void): () => void;
  on(name: string, listener: (event: never) => void): () => void {
    if (name === "message") return this.#messages.add(listener as (message: ServerMessage) => void);
    if (name === "state") return this.#states.add(listener as (state: ClientState) => void);
    if (name === "error") return this.#errors.add(listener as (error: BullcastClientError) => void);
    const listeners = this.#byType.get(name) ?? new Listeners<ServerMessage>();
    this.#byType.set(name, listeners);
    return listeners.add(listener as (message: ServerMessage) => void);
  }

  /** Connects, and stays connected until `close()`. After a close it resumes where it was. */
  connect(): void {
    this.#link.connect();
  }

  /** Disconnects; what is being waited for rejects. */
  close(): void {
    this.#link.close();
  }

  /**
   * Watches more topics, from now on; a job's comes with a snapshot. Resolves when the server has subscribed them, if
   * need be on a later connection.
   *
   * @throws {BullcastClientError} `INVALID_TOPIC`, `TOO_MANY_TOPICS`, `SERVER_ERROR`, or `CLOSED` when given up before.
   */
  subscribe(topics: readonly Topic[]): Promise<SubscribeResult> {
    return this.#subscriber.subscribe(topics);
  }

  /** Watches topics no more, unless a `watchJob` needs them. Resolves when nothing of them comes any more. */
  unsubscribe(topics: readonly Topic[]): Promise<void> {
    return this.#subscriber.unsubscribe(topics);
  }

  /**
   * Sends a message of the application's own.
   *
   * @throws {BullcastClientError} `NOT_OPEN` when there is no connection; `INVALID_MESSAGE` when it is larger than 64 KiB
   * or of the protocol's own type.
   */
  send(type: string, content: unknown = null, meta: MessageMeta = {}): void {
    if (isProtocolType(type)) {
      throw new BullcastClientError("INVALID_MESSAGE", `type: expected one of the application's, given "${type}"`);
    }
    const text = JSON.stringify({ type, content, meta });
    if (wireBytes(text) > MAX_MESSAGE_BYTES) {
      throw new BullcastClientError("INVALID_MESSAGE", `expected at most ${MAX_MESSAGE_BYTES} bytes`);
    }
    if (this.state !== "open") throw new BullcastClientError("NOT_OPEN", `the client is ${this.state}`);
    this.#link.send(text);
  }

  /**
   * Watches one job, past the loss of any connection. Watches of the same job share what is known of it.
   *
   * @param onChange hears of each change of the job's view.
   * @throws {BullcastClientError} `INVALID_TOPIC` or `TOO_MANY_TOPICS`.
   */
  watchJob(queue: string, id: string, onChange?: (job: JobView) => void): JobWatch {
    return this.#watches.watch(queue, id, onChange);
  }

  #receive(message: ServerMessage): void {
    const isRepeated = this.#filter.isRepeated(message);
    this.#cursors.note(message, this.#subscriber);
    if (isRepeated) return;
    this.#tell(message);
    if (isType(message, "subscribed")) this.#link.settled();
    if (isType(message, "error")) {
      const { code, message: text } = message.content;
      const details = { serverCode: code, reason: text };
      if (!this.#subscriber.isAnswer(message)) this.#fail(new BullcastClientError("SERVER_ERROR", text, details));
    }
    this.#subscriber.receive(message);
  }

  #tell(message: ServerMessage): void {
    this.#watches.receive(message);
    this.#messages.emit(message);
    this.#byType.get(message.type)?.emit(message);
  }

  #tellGap(queue: string | null): void {
    const content: MessageOf<"gap">["content"] = { queue, missed: null, truncated: true };
    this.#tell({ ...new WebSocketMessage({ type: "gap", content, meta: { queue } }) });
  }

  #fail(error: BullcastClientError): void {
    if (this.#errors.size > 0) return this.#errors.emit(error);
    // An outage may last for hours, and where in the client it was noticed helps nobody.
    const isOutage = error.code === "CONNECT_FAILED";
    if (isOutage && this.#isOutageTold) return;
    this.#isOutageTold ||= isOutage;
    const line = `bullcast: no connection to ${this.#address}, trying again until there is one: ${error.message}`;
    // biome-ignore lint/suspicious/noConsole: nobody listens, and a connection must not be given up without a word
    console.error(isOutage ? line : error);
  }
}

function delaysIn({ minDelayMs = DEFAULT_MIN_DELAY_MS, maxDelayMs = DEFAULT_MAX_DELAY_MS }) {
  if (minDelayMs > 0 && maxDelayMs >= minDelayMs) return { minDelayMs, maxDelayMs };
  throw new BullcastClientError(
    "INVALID_OPTIONS",
    `reconnect: expected minDelayMs above 0 and maxDelayMs not below it, given ${minDelayMs} and ${maxDelayMs}`,
  );
}

function withToken(target: URL, token: string | undefined): string {
  const url = new URL(target);
  if (token !== undefined) url.searchParams.set("token", token);
  return url.href;
}
