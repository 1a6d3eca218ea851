import fc from "fast-check";
import { decodeCursor, encodeCursor, queueTag } from "../../../src/notifier/cursor.ts";
import { WebSocketNotifier } from "../../../src/notifier/web-socket-notifier.ts";
import type { SentMessage } from "./fake-socket.ts";
import { fakeSocket } from "./fake-socket.ts";
import { makeManager, recordingLogger } from "./manager.ts";
import type { Happening } from "./world.ts";
import { KINDS, readerOf, SimulatedQueue } from "./world.ts";

export const PREFIX = "bull";
const QUEUES = ["emails", "images"] as const;
const TOPICS: readonly (readonly string[])[] = [
  ["*"],
  ["queue:emails"],
  ["job:emails:1"],
  ["job:emails:1", "queue:images"],
  ["job:emails:1", "job:emails:2", "job:images:1"],
  ["*", "job:emails:1"],
];

/** What happens in turn; counts are of facts, and a line is one of the own log of a job of `emails`. */
type Step = { write: number; queue: number } | { line: string } | { publish: number; queue: number } | "drain" | "turn";

export interface Plan {
  happenings: readonly [Happening[], Happening[]];
  /** How much of each queue happened before the bridge began, in parts of a hundred. */
  earlier: number;
  /** How much of that the streams have lost, in parts of a hundred. */
  trimmed: number;
  before: Step[];
  after: Step[];
  topics: readonly string[];
  /** Whether jobs are removed as they end. */
  removesEnded: boolean;
  /** Where the viewer left off, in parts of a hundred of what could be seen; null without cursors. */
  since: number | null;
  /** Whether the socket is full after each message, in turn. */
  full: boolean[];
  /** How many turns Redis takes for each answer, in turn. */
  turns: number[];
  /** Facts of `emails` that are lost, and the step before which they are. */
  gap: { lost: number; atStep: number } | null;
}

const happening = fc.record({ kind: fc.constantFrom(...KINDS), jobId: fc.constantFrom("1", "2", "3") });
const happenings = fc.array(happening, { minLength: 1, maxLength: 40, size: "max" });
export const percent = fc.integer({ min: 0, max: 100 });
export const count = fc.integer({ min: 1, max: 12 });
const queue = fc.integer({ min: 0, max: 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ write: count, queue }),
  fc.record({ publish: count, queue }),
  fc.record({ line: fc.constantFrom("1", "2") }),
  fc.constant("drain" as const),
  fc.constant("turn" as const),
);
const steps = fc.array(step, { maxLength: 25, size: "max" });

export function planWith(fields: {
  since: fc.Arbitrary<number | null>;
  gap: fc.Arbitrary<Plan["gap"]>;
}): fc.Arbitrary<Plan> {
  return fc.record({
    happenings: fc.tuple(happenings, happenings),
    earlier: percent,
    trimmed: percent,
    before: steps,
    after: steps,
    topics: fc.constantFrom(...TOPICS),
    removesEnded: fc.boolean(),
    full: fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
    turns: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 5 }),
    ...fields,
  });
}

export interface Received {
  message: SentMessage;
  /** Number of the fact that it tells; null for what tells none. */
  number: number | null;
}

/** What one viewer saw of one queue. */
export interface Seen {
  queue: SimulatedQueue;
  received: Received[];
  /** After how many facts it left off. */
  cursor: number | null;
  /** After how many facts the bridge began. */
  began: number;
  /** After how many facts it came, and the queue stood when it was told `subscribed`. */
  came: number;
  joined: number;
  /** The facts from here to there were never read; both the queue's length when none are. */
  lostFrom: number;
  lostTo: number;
}

export class Run {
  readonly #plan: Plan;
  readonly #queues: SimulatedQueue[];
  readonly #notifier: WebSocketNotifier;
  readonly #manager = makeManager().manager;
  readonly #lost: { from: number; to: number };
  #step = 0;
  #lines = 0;
  #live: SentMessage[] = [];

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#queues = QUEUES.map(
      (name, index) => new SimulatedQueue(name, plan.happenings[index] ?? [], plan.removesEnded),
    );
    this.#lost = { from: this.#emails.length, to: this.#emails.length };
    let answers = 0;
    const turns = () => plan.turns[answers++ % plan.turns.length] ?? 0;
    const reader = readerOf(new Map(this.#queues.map((each) => [each.name, each])), turns);
    const options = { manager: this.#manager, reader, prefix: PREFIX, maxTailedJobs: 0 };
    this.#notifier = new WebSocketNotifier({ ...options, logger: recordingLogger().logger });
    for (const { name } of this.#queues) this.#notifier.watch(name);
    reader.isSettled = true;
  }

  get #emails(): SimulatedQueue {
    const [emails] = this.#queues;
    if (!emails) throw new Error("there is no queue");
    return emails;
  }

  /** Runs the plan; answers what the viewer saw, by queue, and what it was told at last. */
  async run(): Promise<{ seen: Seen[]; subscribed: SentMessage; live: SentMessage[] }> {
    try {
      return await this.#run();
    } finally {
      this.#notifier.close();
    }
  }

  async #run() {
    const { earlier, trimmed, before, after, topics, since, full } = this.#plan;
    for (const each of this.#queues) {
      each.written = each.published = Math.floor((each.length * earlier) / 100);
      each.trimmed = Math.floor((each.published * trimmed) / 100);
    }
    await this.#notifier.accept(this.#queues.map((each) => each.nextBatch(0)));
    const began = this.#queues.map(({ published }) => published);
    this.#open("reference", ["*"], null, () => false, this.#live);
    for (const each of before) await this.#take(each);
    const came = this.#queues.map(({ published }) => published);
    const cursors = this.#queues.map((each) =>
      since === null ? null : each.trimmed + Math.floor(((each.published - each.trimmed) * since) / 100),
    );
    const tagged = this.#queues.flatMap((each, index) => {
      const cursor = cursors[index] ?? null;
      return cursor === null ? [] : encodeCursor(queueTag(PREFIX, each.name), each.positionAfter(cursor));
    });
    let sends = 0;
    const isFull = () => full[sends++ % full.length] ?? false;
    const received: SentMessage[] = [];
    const viewer = this.#open("viewer", topics, since === null ? null : tagged, isFull, received);
    this.#drain = viewer.drain;
    for (const each of after) await this.#take(each);
    for (const [index] of this.#queues.entries()) {
      await this.#take({ write: 1000, queue: index });
      await this.#take({ publish: 1000, queue: index });
    }
    for (let turn = 0; turn < 3000 && !viewer.isIdle(); turn += 1) {
      viewer.drain();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#manager.flush();
    const subscribed = received.find(({ type }) => type === "subscribed");
    if (!subscribed) throw new Error("the viewer has not caught up");
    const { cursors: joinedAt } = subscribed.content as { cursors: Record<string, string> };
    const seen = this.#queues.map((each, index): Seen => {
      const isEmails = each === this.#emails;
      const joined = joinedAt[each.name];
      return {
        queue: each,
        received: receivedOf(each, received),
        cursor: cursors[index] ?? null,
        began: began[index] ?? 0,
        came: came[index] ?? 0,
        joined: joined === undefined ? 0 : each.countAt(decodeCursor(joined).position),
        lostFrom: isEmails ? this.#lost.from : each.length,
        lostTo: isEmails ? this.#lost.to : each.length,
      };
    });
    return { seen, subscribed, live: this.#live };
  }

  #drain: () => void = () => undefined;

  async #take(what: Step): Promise<void> {
    const { gap } = this.#plan;
    this.#step += 1;
    if (gap && this.#step === gap.atStep) await this.#lose(gap.lost);
    if (what === "drain") this.#drain();
    else if (what === "turn") await new Promise((resolve) => setImmediate(resolve));
    else if ("line" in what) {
      const lines = [{ line: this.#lines++, content: `own line ${this.#lines}` }];
      this.#notifier.acceptLogLines({ queue: this.#emails.name, jobId: what.line, lines });
    } else {
      const each = this.#queues[what.queue];
      if ("write" in what) each?.write(what.write);
      else if (each) await this.#notifier.accept([each.nextBatch(what.publish)]);
    }
  }

  async #lose(lost: number): Promise<void> {
    const emails = this.#emails;
    emails.write(lost);
    const from = emails.published;
    if (from === emails.written) return;
    const batch = emails.nextBatch(0, { missed: lost }, lost);
    Object.assign(this.#lost, { from, to: emails.published });
    await this.#notifier.accept([batch]);
  }

  #open(
    clientId: string,
    topics: readonly string[],
    since: readonly string[] | null,
    isFull: () => boolean,
    received: SentMessage[],
  ) {
    const socket = fakeSocket({
      onSend: (message) => {
        // Which snapshot it is: a later one may be read before the next message comes.
        const of = this.#queues.find(({ name }) => name === message.meta.queue);
        const readAt = of?.snapshotAt.get(String(message.meta.task_id));
        received.push(message.type === "snapshot" ? { ...message, meta: { ...message.meta, readAt } } : message);
        socket.isFull = isFull();
      },
    });
    const details = { clientId, remoteAddress: null, principal: null };
    const connection = this.#manager.open(socket, { ...details, topics: [...topics], since });
    const drain = () => {
      socket.isFull = false;
      connection.drained();
    };
    const isIdle = () => connection.outbox.messages === 0 && received.some(({ type }) => type === "subscribed");
    return { drain, isIdle };
  }
}

export function receivedOf(queue: SimulatedQueue, messages: readonly SentMessage[]): Received[] {
  return messages.flatMap((message) => {
    if (message.type !== "subscribed" && message.meta.queue !== queue.name) return [];
    const { cursor } = message.meta;
    const number = cursor === undefined ? null : queue.countAt(decodeCursor(String(cursor)).position) - 1;
    return { message, number };
  });
}

/** What there was to tell of a queue after a cursor: what happened before the bridge began, then what it told live. */
export function historyOf({ queue, began }: Seen, live: readonly SentMessage[], cursor: number): Received[] {
  const past = queue.happenings.slice(0, began).map(({ jobId, kind }, number) => {
    const message = { type: "", content: null, meta: { queue: queue.name, task_id: jobId, kind }, timestamp: "" };
    return { number, message };
  });
  const all = [...past, ...receivedOf(queue, live).filter(({ message }) => message.type !== "subscribed")];
  let first = all.findIndex(({ number }) => number !== null && number >= cursor);
  if (first === -1) first = all.length;
  // A cursor does not say whether lines right after it were seen.
  while (all[first - 1]?.number === null) first -= 1;
  return all.slice(first);
}

/** What names a message: its number, or what a line of a job's own log says. */
export const nameOf = ({ number, message }: Received) => number ?? message.content;

export function isCarriedBy(topics: readonly string[]): (one: Received) => boolean {
  return ({ message: { meta } }) => {
    if (topics.includes("*") || topics.includes(`queue:${meta.queue}`)) return true;
    return meta.kind !== "paused" && meta.task_id !== undefined && topics.includes(`job:${meta.queue}:${meta.task_id}`);
  };
}

/** The numbers of the facts that these topics carry. */
export function wantedOf({ name, happenings }: SimulatedQueue, topics: readonly string[]): number[] {
  const isWhole = topics.includes("*") || topics.includes(`queue:${name}`);
  return happenings.flatMap(({ kind, jobId }, number) =>
    isWhole || (kind !== "paused" && topics.includes(`job:${name}:${jobId}`)) ? number : [],
  );
}

export const covers = (topics: readonly string[], { name }: SimulatedQueue) =>
  topics.some((topic) => topic === "*" || topic.split(":")[1] === name);

export const numbersOf = (received: readonly Received[]) => received.flatMap(({ number }) => number ?? []);
