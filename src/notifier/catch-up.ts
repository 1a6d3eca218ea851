import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "../connections/connection.ts";
import type { Frame } from "../connections/frame.ts";
import type { CatchUp } from "../connections/history.ts";
import type { Topic } from "../protocol/topic.ts";
import { compareStreamIds, millisecondsOf } from "../sources/fact.ts";
import type { JobKey } from "../sources/job-key.ts";
import { keyOf } from "../sources/job-key.ts";
import type { CatchUpHost } from "./catch-up-host.ts";
import type { Leg, LegState, Plan } from "./catch-up-plan.ts";
import { topicsOf } from "./messages.ts";
import type { Told } from "./mutes.ts";
import { isLineTold } from "./mutes.ts";
import type { RingEntry } from "./ring.ts";
import type { Snapshot } from "./snapshots.ts";

/** Ends whose lines are read in one step. */
const ENDS_PER_READ = 200;
/** Snapshots that are taken in one step; they may be large, and go out before more are taken. */
const SNAPSHOTS_PER_READ = 20;
/** Bytes of them after which a connection that is live already is given time to take them. */
const LIVE_BYTES_PER_READ = 256 * 1024;
/** How long a client that hands back a cursor waits for the bridge to have found its queues. */
const MAX_SETTLE_MS = 30_000;
/** Refusals in a row after which what is refused is done without; the same for lines, whatever the reason. */
const MAX_FAILURES = 4;
const MAX_LINE_FAILURES = 20;
/** What Redis refuses in this way, say by its access list, it will refuse again. */
const REFUSAL = /^(NOPERM|NOAUTH|WRONGPASS|WRONGTYPE|MOVED|CROSSSLOT|ERR)\b/;
/** How far the clock of a worker may be behind that of Redis. */
const CLOCK_SLACK_MS = 10_000;
/** How long to wait before Redis is asked again after it did not answer. */
const RETRY_MS = 250;
/** How long publishing may take to come to where a snapshot was taken. */
const READING_PATIENCE_MS = 1000;
/** Times a snapshot is taken anew because its job has gone on meanwhile, before publishing is held up for it. */
const MAX_TRIES = 3;

/**
 * Brings one connection to the present. It pulls the messages after its cursors from the rings its queues share; where
 * those cannot be given any more it says so with a gap and takes snapshots instead, all or nothing for each queue.
 */
export class RingCatchUp implements CatchUp {
  readonly #host: CatchUpHost;
  readonly #connection: Connection;
  /** What it was subscribed to before. */
  readonly #liveTopics: ReadonlySet<Topic>;
  readonly #plan: () => Plan;
  #settled: Promise<void> | null;
  #legs: LegState[] | null = null;
  readonly #outgoing: Frame[] = [];
  readonly #told = new Map<string, { job: JobKey; told: Told }>();
  #recovered = false;
  #tries = 0;
  #failures = 0;
  #lineFailures = 0;
  #isClosed = false;

  /** `settled` is to be waited for before it is planned; null when nothing is. */
  constructor(options: { host: CatchUpHost; connection: Connection; plan: () => Plan; settled: Promise<void> | null }) {
    this.#host = options.host;
    this.#connection = options.connection;
    this.#liveTopics = new Set(options.connection.topics);
    this.#plan = options.plan;
    this.#settled = options.settled;
  }

  get recovered(): boolean {
    return this.#recovered;
  }

  next(): Frame | "unready" | null {
    const outgoing = this.#outgoing.shift();
    if (outgoing) return outgoing;
    if (!this.#legs) return "unready";
    for (const leg of this.#legs) {
      if (leg.history.isClosed) {
        if (leg.isEnded) continue;
        leg.isEnded = true;
        this.#recovered = false;
        return this.#host.gapFrame(leg.history.queue, null, false);
      }
      if (leg.next === null || leg.owed.size > 0 || leg.next < leg.history.ring.first) return "unready";
      const entry = this.#nextOf(leg);
      if (entry === "unready") return "unready";
      if (!entry) continue;
      this.#push(leg, entry);
      return this.#outgoing.shift() ?? null;
    }
    return this.#addLegs(this.#plan().legs) > 0 ? "unready" : null;
  }

  async prepare(): Promise<void> {
    try {
      const legs = this.#legs ?? (await this.#begin());
      // All of them, so that none is still being placed when it is tried again.
      const placed = await Promise.allSettled(legs.map((leg) => this.#place(leg)));
      for (const each of placed) if (each.status === "rejected") throw each.reason;
      // A queue that was attached again has a leg of its own beside that of its former life.
      await this.#payOwed(legs.filter(({ history }) => !history.isClosed));
      await this.#readAllLines(legs);
      this.#failures = 0;
    } catch (error) {
      if (error instanceof Error && error.name === "ReplyError" && REFUSAL.test(error.message)) this.#failures += 1;
      if (this.#failures >= MAX_FAILURES) this.#doWithout();
      // Otherwise it is away or busy, which health says; who comes back meanwhile waits.
      else if (!this.#isClosed) await sleep(RETRY_MS * (0.5 + Math.random()));
    }
  }

  /** Lines may be unreadable although all else can be read: then the ends are told without. */
  async #readAllLines(legs: readonly LegState[]): Promise<void> {
    try {
      for (const leg of legs) await this.#readLines(leg);
      this.#lineFailures = 0;
    } catch (error) {
      this.#lineFailures += 1;
      if (this.#lineFailures < MAX_LINE_FAILURES) throw error;
    }
  }

  /** Goes on to the present although some of the past, or how jobs stand, cannot be read. */
  #doWithout(): void {
    for (const leg of this.#legs ?? []) {
      const { queue, ring } = leg.history;
      const isPlaced = leg.next !== null && leg.next >= ring.first;
      if (isPlaced && leg.owed.size === 0) continue;
      this.#outgoing.push(this.#host.gapFrame(queue, null, true));
      this.#recovered = false;
      if (!isPlaced) leg.next = ring.end;
      leg.owed.clear();
    }
  }

  joined(): void {
    for (const { job, told } of this.#told.values()) this.#host.mute(job, told, this.#connection);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const leg of this.#legs ?? []) leg.history.places.delete(leg);
  }

  async #begin(): Promise<LegState[]> {
    if (this.#settled) await Promise.race([this.#settled, sleep(MAX_SETTLE_MS, undefined, { ref: false })]);
    const { legs, unattached, usedCursors, unknownCursors } = this.#plan();
    this.#recovered = usedCursors > 0 && unknownCursors === 0;
    for (let gap = 0; gap < unknownCursors; gap += 1) this.#outgoing.push(this.#host.gapFrame(null, null, false));
    for (const job of unattached) this.#outgoing.push(this.#host.unknownFrame(job));
    this.#legs = [];
    this.#addLegs(legs);
    return this.#legs;
  }

  /** Adds those of queues that have come since, which nobody else tells this connection of; answers how many. */
  #addLegs(legs: readonly Leg[]): number {
    const known = new Map(this.#legs?.map(({ history }) => [history.queue, history]));
    const added = legs.filter(({ history }) => known.get(history.queue) !== history);
    for (const leg of added) {
      const former = known.get(leg.history.queue)?.position;
      const owed = new Set(leg.cursor ? [] : leg.jobIds);
      const state: LegState = { ...leg, next: null, goneSinceMs: null, isEnded: false, owed };
      // It was detached and attached again: its gap is told to those who are live already, and here to this one.
      if (former)
        Object.assign(state, {
          cursor: null,
          next: Number.NEGATIVE_INFINITY,
          goneSinceMs: millisecondsOf(former.events),
        });
      this.#legs?.push(state);
      if (!this.#isClosed) leg.history.places.add(state);
    }
    return added.length;
  }

  /** Finds where a leg begins; it may have lost its place since, to newer messages or to a gap. */
  async #place(leg: LegState): Promise<void> {
    const { history } = leg;
    const isLost = leg.next !== null && leg.next < history.ring.first;
    if (leg.next !== null && !isLost) return;
    if (!leg.cursor) {
      if (isLost && leg.goneSinceMs !== null) return this.#giveUp(leg, leg.goneSinceMs);
      if (isLost) for (const id of leg.jobIds) leg.owed.add(id);
      leg.next = history.ring.end;
      // What it is given from now on and then loses is told as a gap; single jobs are shown again.
      if (leg.isWhole) leg.goneSinceMs = millisecondsOf((history.position ?? history.ring.start).events);
      return;
    }
    const reached = isLost ? null : await history.reach(leg.cursor);
    // What was dropped since is gone for it too.
    if (reached !== null && reached >= history.ring.first) leg.next = reached;
    else if (!history.isClosed) await this.#giveUp(leg, millisecondsOf(leg.cursor.events));
  }

  /** Messages since a cursor are gone: says so, and shows how things stand instead. */
  async #giveUp(leg: LegState, sinceMs: number): Promise<void> {
    const { history } = leg;
    // What happens while Redis is asked is given too; what is lost meanwhile is part of the same gap.
    let next = history.ring.end;
    let since = { ids: [] as string[], truncated: false };
    do {
      next = Math.max(next, history.ring.first);
      if (leg.isWhole) since = await this.#host.jobsSince(history.queue, sinceMs - CLOCK_SLACK_MS);
    } while (next < history.ring.first);
    this.#recovered = false;
    this.#outgoing.push(this.#host.gapFrame(history.queue, null, since.truncated));
    leg.owed = new Set([...leg.jobIds, ...since.ids]);
    leg.cursor = null;
    leg.goneSinceMs = sinceMs;
    leg.next = next;
  }

  /** Takes the snapshots that are owed, again where a job has gone on before its snapshot came. */
  async #payOwed(legs: readonly LegState[]): Promise<void> {
    const owed = legs.flatMap(({ history: { queue }, owed: ids }) => [...ids].map((jobId) => ({ queue, jobId })));
    const keys = owed.slice(0, SNAPSHOTS_PER_READ);
    if (keys.length === 0) return;
    this.#tries += 1;
    const isHeldUp = this.#tries > MAX_TRIES;
    const snapshots = await (isHeldUp ? this.#host.takeSnapshotsInTurn(keys) : this.#host.takeSnapshots(keys));
    const paid: Snapshot[] = [];
    let liveBytes = 0;
    for (const snapshot of snapshots) {
      const { job, told } = snapshot;
      const leg = legs.find(({ history }) => history.queue === job.queue);
      if (!leg?.owed.has(job.jobId) || (!isHeldUp && this.#host.isStale(snapshot))) continue;
      const isLive = this.#isLive(job);
      // Its socket gets them at once: the others are taken again when it has taken these.
      if (isLive && liveBytes > LIVE_BYTES_PER_READ) continue;
      this.#tries = 0;
      leg.owed.delete(job.jobId);
      this.#told.set(keyOf(job), { job, told });
      const frame = this.#host.sendSnapshot(snapshot);
      if (!isLive) {
        this.#outgoing.push(frame);
        paid.push(snapshot);
        continue;
      }
      // It gets the job's messages already: none of them may come between.
      this.#connection.deliver(frame);
      liveBytes += frame.bytes.length;
      this.#host.mute(job, told, this.#connection);
    }
    // Cursors it is given then lie behind what the snapshots told, so that none of that is given again on a resume.
    await Promise.all(
      paid.map(({ job: { queue }, told: { position } }) => {
        const history = legs.find((leg) => leg.history.queue === queue)?.history;
        return history?.published(position, READING_PATIENCE_MS);
      }),
    );
  }

  /** Whether the connection was subscribed to a job's messages before. */
  #isLive({ queue, jobId }: JobKey): boolean {
    return topicsOf(queue, jobId).some((topic) => this.#liveTopics.has(topic));
  }

  /** Reads the lines that go before the next ends, where nobody was there to see them. */
  async #readLines(leg: LegState): Promise<void> {
    const { ring } = leg.history;
    const ends: number[] = [];
    const first = Math.max(leg.next ?? ring.end, ring.first);
    for (let number = first; number < ring.end && ends.length < ENDS_PER_READ; number += 1) {
      const entry = ring.at(number);
      if (entry?.lines === null && this.#wants(leg, entry)) ends.push(number);
    }
    if (ends.length > 0) await leg.history.readLines(ends);
  }

  /** The next message of a leg that the connection wants; its place moves on behind it. */
  #nextOf(leg: LegState): RingEntry | "unready" | null {
    const { ring } = leg.history;
    while (leg.next !== null && leg.next < ring.end) {
      const entry = ring.at(leg.next);
      if (!entry) return "unready";
      const isWanted = this.#wants(leg, entry);
      if (isWanted && entry.lines === null && this.#lineFailures < MAX_LINE_FAILURES) return "unready";
      leg.next += 1;
      if (isWanted) return entry;
    }
    return null;
  }

  #push({ history: { queue } }: LegState, { jobId, lines, frame }: RingEntry): void {
    const told = jobId === null ? undefined : this.#told.get(keyOf({ queue, jobId }))?.told;
    for (const line of lines ?? []) if (!isLineTold(line, told)) this.#outgoing.push(line.frame);
    this.#outgoing.push(frame);
  }

  #wants({ history: { queue }, cursor, isWhole, jobIds }: LegState, entry: RingEntry): boolean {
    const { stream, jobId } = entry;
    if (!isWhole && (jobId === null || !jobIds.has(jobId))) return false;
    if (this.#liveTopics.size > 0 && topicsOf(queue, jobId).some((topic) => this.#liveTopics.has(topic))) return false;
    if (stream && cursor && compareStreamIds(entry[stream], cursor[stream]) <= 0) return false;
    const told = jobId === null ? undefined : this.#told.get(keyOf({ queue, jobId }))?.told;
    if (!told) return true;
    return stream ? compareStreamIds(entry[stream], told.position[stream]) > 0 : !isLineTold(entry, told);
  }
}
