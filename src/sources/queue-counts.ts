import type { ChainableCommander } from "ioredis";
import type { Logger } from "../logger.ts";
import type { ListedState } from "../protocol/queue-summary.ts";
import type { RedisConnection } from "./redis-connections.ts";
import { describeError } from "./redis-connections.ts";
import { isMarker, STATE_KEYS } from "./state-keys.ts";

/** What was counted of a queue, and when, epoch ms. */
export interface QueueCount {
  isPaused: boolean;
  counts: Record<ListedState, number>;
  countedAtMs: number;
}

const STATES = Object.keys(STATE_KEYS) as ListedState[];

/** Early versions of BullMQ 5 end these lists with an entry that is no job. */
const MAY_HAVE_MARKER = ["waiting", "paused"] as const;

const COMMANDS_PER_QUEUE = 1 + STATES.length + MAY_HAVE_MARKER.length;
/** What the counting may cost Redis; each command takes it about a microsecond, whatever the queue's size. */
const MAX_COMMANDS_PER_SECOND = 200;
/** Less than the second after which whoever watches asks again, as no timer is exact. */
const MIN_PAUSE_MS = 900;
/** Queues counted in one round trip; Redis answers nobody else meanwhile. */
const CHUNK = 50;

/** Counts the jobs of the attached queues when asked to, and keeps what it counted last. */
export class QueueCounts {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #queues: () => readonly string[];
  readonly #logger: Logger;
  #counted = new Map<string, QueueCount>();
  #reading: Promise<void> | undefined;
  /** When they may be counted again, ms of the monotonic clock. */
  #dueAt = 0;

  constructor(options: {
    connection: RedisConnection;
    prefix: string;
    queues: () => readonly string[];
    logger: Logger;
  }) {
    this.#connection = options.connection;
    this.#prefix = options.prefix;
    this.#queues = options.queues;
    this.#logger = options.logger;
  }

  /** What was counted last; null before that. */
  of(queue: string): QueueCount | null {
    return this.#counted.get(queue) ?? null;
  }

  /**
   * Counts anew, but once a second at most, and less often where there are many queues. Resolves also when Redis does
   * not answer; then what was counted last stays.
   */
  refresh(): Promise<void> {
    if (this.#reading) return this.#reading;
    if (performance.now() < this.#dueAt) return Promise.resolve();
    this.#reading = this.#count().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #count(): Promise<void> {
    const queues = this.#queues();
    const startedAt = performance.now();
    const before = this.#counted;
    const counted = new Map<string, QueueCount>();
    for (const queue of queues) {
      const known = before.get(queue);
      if (known) counted.set(queue, known);
    }
    this.#counted = counted;
    try {
      for (let start = 0; start < queues.length; start += CHUNK) {
        await this.#countChunk(queues.slice(start, start + CHUNK), counted);
      }
    } catch (error) {
      this.#logger.debug({ reason: describeError(error) }, "jobs not counted");
    }
    const pauseMs = (queues.length * COMMANDS_PER_QUEUE * 1000) / MAX_COMMANDS_PER_SECOND;
    this.#dueAt = startedAt + Math.max(MIN_PAUSE_MS, pauseMs);
  }

  async #countChunk(queues: readonly string[], counted: Map<string, QueueCount>): Promise<void> {
    const replies = await this.#connection.ask((pipeline) => {
      for (const queue of queues) askCount(pipeline, `${this.#prefix}:${queue}`);
    });
    const countedAtMs = Date.now();
    for (const queue of queues) {
      const own = replies.splice(0, COMMANDS_PER_QUEUE);
      const error = own.find(([refused]) => refused)?.[0];
      if (error) this.#logger.debug({ queue, reason: describeError(error) }, "jobs of a queue not counted");
      else counted.set(queue, { ...readCount(own.map(([, answer]) => answer)), countedAtMs });
    }
  }
}

function askCount(pipeline: ChainableCommander, base: string): void {
  pipeline.hget(`${base}:meta`, "paused");
  for (const { suffix, isList } of Object.values(STATE_KEYS)) {
    if (isList) pipeline.llen(`${base}:${suffix}`);
    else pipeline.zcard(`${base}:${suffix}`);
  }
  for (const state of MAY_HAVE_MARKER) pipeline.lrange(`${base}:${STATE_KEYS[state].suffix}`, -1, -1);
}

/** Reads the answers to what is asked of one queue. */
function readCount([paused, ...answers]: readonly unknown[]): Pick<QueueCount, "isPaused" | "counts"> {
  const counts = Object.fromEntries(STATES.map((state, index) => [state, Number(answers[index])])) as Record<
    ListedState,
    number
  >;
  for (const [index, state] of MAY_HAVE_MARKER.entries()) {
    const [last] = answers[STATES.length + index] as string[];
    if (last !== undefined && isMarker(last)) counts[state] = Math.max(0, counts[state] - 1);
  }
  return { isPaused: paused !== null, counts };
}
