import type { Topic } from "../protocol/topic.ts";
import { ALL_TOPIC, parseTopic } from "../protocol/topic.ts";
import { BullcastClientError } from "./bullcast-client-error.ts";
import type { CursorBook } from "./cursor-book.ts";
import type { MessageOf, ServerMessage } from "./server-message.ts";
import { isType } from "./server-message.ts";
import type { SubscribeResult } from "./subscribe-call.ts";
import { SubscribeCall } from "./subscribe-call.ts";
import { planSubscribe, splitTopics } from "./subscribe-plan.ts";
import { WantedTopics } from "./wanted-topics.ts";

/** A `subscribe` that the server has not answered. */
interface Request {
  topics: readonly Topic[];
  calls: SubscribeCall[];
  /** The queues it hands cursors back for; null when it resumes nothing. */
  resumes: readonly string[] | null;
}

/** What the subscriber makes happen. */
export interface SubscriberActions {
  send(type: string, content: unknown, meta: Record<string, unknown>): void;
  /** Messages of a queue may be missing, and the server does not say so by itself; null: of any queue. */
  gap(queue: string | null): void;
  /** The server refuses these topics. */
  refused(topics: readonly Topic[], error: BullcastClientError): void;
}

/** Keeps the server's idea of what is subscribed equal to what is wanted, over any number of connections. */
export class Subscriber {
  readonly #wanted = new WantedTopics();
  readonly #cursors: CursorBook;
  readonly #actions: SubscriberActions;
  readonly #requests = new Map<string, Request>();
  /** Calls that no request of this connection carries yet. */
  #calls: SubscribeCall[] = [];
  /** Called when topics given up are gone from the server. */
  #drops: (() => void)[] = [];
  readonly #sentDrops = new Map<string, (() => void)[]>();
  readonly #toAsk = new Set<Topic>();
  readonly #toDrop = new Set<Topic>();
  #isConnected = false;
  #isScheduled = false;
  #sawGap = false;
  #sawGapOfUnknownQueue = false;
  #lastRequest = 0;

  constructor(cursors: CursorBook, actions: SubscriberActions) {
    this.#cursors = cursors;
    this.#actions = actions;
  }

  /** Whether a request that resumes is unanswered: what comes now may be of the past. */
  get isCatchingUp(): boolean {
    return [...this.#requests.values()].some(({ resumes }) => resumes !== null);
  }

  /** Wants topics from the start. */
  want(topics: readonly Topic[]): void {
    this.#wanted.name(topics);
  }

  /** Whether a message answers a request. */
  isAnswer({ meta }: ServerMessage): boolean {
    return typeof meta.request_id === "string" && this.#requests.has(meta.request_id);
  }

  /** Wants topics. Resolves when the server has subscribed them, be it on a later connection. */
  subscribe(topics: readonly Topic[]): Promise<SubscribeResult> {
    if (topics.length === 0) return Promise.resolve({ recovered: false, cursors: {} });
    try {
      this.#wanted.name(topics);
    } catch (error) {
      return Promise.reject(error);
    }
    const call = new SubscribeCall(topics);
    this.#calls.push(call);
    for (const topic of topics) this.#toAsk.add(topic);
    this.#schedule();
    return call.result;
  }

  /** Wants topics no more. Resolves when the server sends nothing of them, or there is no connection. */
  async unsubscribe(topics: readonly Topic[]): Promise<void> {
    const dropped = topics.filter((topic) => this.#wanted.unname(topic));
    for (const topic of dropped) this.#toDrop.add(topic);
    if (!this.#isConnected || dropped.length === 0) return;
    this.#schedule();
    await new Promise<void>((resolve) => this.#drops.push(resolve));
  }

  /** Notes that a watch needs a topic. */
  hold(topic: Topic): void {
    if (!this.#wanted.hold(topic)) return;
    this.#toAsk.add(topic);
    this.#schedule();
  }

  /** Notes that a watch needs a topic no more. */
  release(topic: Topic): void {
    if (!this.#wanted.release(topic)) return;
    this.#toDrop.add(topic);
    this.#schedule();
  }

  /** A connection is there: brings it to where the last one was. Answers whether there was anything to ask for. */
  connected(): boolean {
    this.#isConnected = true;
    this.#toAsk.clear();
    this.#toDrop.clear();
    this.#sawGap = this.#sawGapOfUnknownQueue = false;
    const { established, fresh } = this.#wanted.split();
    const since = this.#cursors.since(established);
    const plan = planSubscribe(established, since, fresh);
    this.#wanted.unconfirm(plan.fresh.flat());
    this.#cursors.forget(plan.unresumed);
    for (const queue of plan.unresumed) this.#actions.gap(queue);
    for (const queue of unknownPast(established, since)) this.#actions.gap(queue);
    const calls = this.#calls.splice(0);
    if (plan.resume) this.#ask(plan.resume.topics, calls, plan.resume.since);
    for (const topics of plan.fresh) this.#ask(topics, calls);
    for (const call of calls) call.rejectUnlessAsked();
    return this.#requests.size > 0;
  }

  /** The connection is gone; what was asked on it is asked again on the next. */
  disconnected(): void {
    this.#isConnected = false;
    for (const { calls } of this.#requests.values()) this.#calls.push(...calls);
    this.#calls = [...new Set(this.#calls)];
    for (const call of this.#calls) call.lost();
    this.#requests.clear();
    for (const resolve of [...this.#drops, ...[...this.#sentDrops.values()].flat()]) resolve();
    this.#drops = [];
    this.#sentDrops.clear();
  }

  /** There will be no connection until somebody asks for one. */
  closed(error: BullcastClientError): void {
    for (const call of this.#calls.splice(0)) call.reject(error);
  }

  receive(message: ServerMessage): void {
    this.#wanted.receive(message);
    if (isType(message, "gap")) {
      this.#sawGap = true;
      if (message.content.queue === null) this.#sawGapOfUnknownQueue = true;
    }
    const requestId = message.meta.request_id;
    if (typeof requestId !== "string") return;
    if (isType(message, "unsubscribed") || isType(message, "error")) {
      for (const resolve of this.#sentDrops.get(requestId) ?? []) resolve();
      this.#sentDrops.delete(requestId);
    }
    const request = this.#requests.get(requestId);
    if (!request) return;
    if (isType(message, "subscribed")) this.#answered(requestId, request, message);
    else if (isType(message, "error")) this.#refused(requestId, request, message);
  }

  #answered(requestId: string, { topics, calls, resumes }: Request, { content }: MessageOf<"subscribed">): void {
    this.#requests.delete(requestId);
    this.#wanted.confirmed(topics, requestId);
    for (const call of calls) call.answered(content);
    if (!resumes) return;
    if (!content.recovered && !this.#sawGap) this.#actions.gap(null);
    // A cursor of a queue that the server does not have (any more) would make a gap of every connection to come.
    if (this.#sawGapOfUnknownQueue) this.#cursors.forget(resumes.filter((queue) => !(queue in content.cursors)));
  }

  #refused(requestId: string, { topics, calls, resumes }: Request, { content }: MessageOf<"error">): void {
    this.#requests.delete(requestId);
    if (resumes) {
      // One damaged cursor is enough. Without any the past cannot be given, but the present can.
      this.#cursors.forget(resumes);
      this.#wanted.unconfirm(topics);
      for (const queue of resumes) this.#actions.gap(queue);
      const wanted = topics.filter((topic) => this.#wanted.has(topic));
      for (const part of splitTopics(wanted)) this.#ask(part, calls);
      for (const call of calls) call.answered(null);
      return;
    }
    const error = new BullcastClientError("SERVER_ERROR", `${topics.join(", ")}: ${content.message}`, {
      serverCode: content.code,
      reason: content.message,
    });
    this.#wanted.drop(topics);
    for (const call of calls) call.reject(error);
    this.#actions.refused(topics, error);
  }

  /** What is asked for in one turn goes in one request. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (this.#isConnected) this.#flush();
    });
  }

  #flush(): void {
    const dropped = [...this.#toDrop].filter((topic) => !this.#wanted.has(topic));
    const asked = [...this.#toAsk].filter((topic) => this.#wanted.has(topic));
    this.#toDrop.clear();
    this.#toAsk.clear();
    const drops = this.#drops.splice(0);
    let lastDrop: string | null = null;
    for (const topics of splitTopics(dropped)) {
      lastDrop = this.#nextRequest();
      this.#actions.send("unsubscribe", { topics }, { request_id: lastDrop });
    }
    // Answers come in the order of the requests.
    if (lastDrop !== null) this.#sentDrops.set(lastDrop, drops);
    else for (const resolve of drops) resolve();
    const calls = this.#calls.splice(0);
    for (const topics of splitTopics(asked)) this.#ask(topics, calls);
    for (const call of calls) call.rejectUnlessAsked();
  }

  #ask(topics: readonly Topic[], calls: readonly SubscribeCall[], since?: ReadonlyMap<string, string>): void {
    const id = this.#nextRequest();
    const carried = calls.filter((call) => call.askedIn(topics));
    this.#requests.set(id, { topics, calls: carried, resumes: since ? [...since.keys()] : null });
    this.#wanted.asked(topics, id);
    this.#actions.send("subscribe", { topics, ...(since && { since: Object.fromEntries(since) }) }, { request_id: id });
  }

  #nextRequest(): string {
    this.#lastRequest += 1;
    return `bullcast-client:${this.#lastRequest}`;
  }
}

/** The queues of which something may have been told before although no cursor of them is known; null: any. */
function unknownPast(established: readonly Topic[], since: ReadonlyMap<string, string>): (string | null)[] {
  return established.flatMap((topic) => {
    if (topic === ALL_TOPIC) return since.size === 0 ? [null] : [];
    const parsed = parseTopic(topic);
    return parsed?.kind === "queue" && !since.has(parsed.queue) ? [parsed.queue] : [];
  });
}
