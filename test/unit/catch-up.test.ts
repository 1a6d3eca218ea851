import fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { encodeCursor, queueTag } from "../../src/notifier/cursor.ts";
import { WebSocketNotifier } from "../../src/notifier/web-socket-notifier.ts";
import type { SnapshotContent } from "../../src/protocol/snapshot.ts";
import type { JobKey } from "../../src/sources/job-key.ts";

import { batchOf, progress, START_MS } from "./support/facts.ts";
import { fakeReader, snapshotOf } from "./support/fake-reader.ts";
import type { OpenViewer } from "./support/manager.ts";
import { makeManager, openViewer, recordingLogger } from "./support/manager.ts";
import type { Received, Seen } from "./support/viewer-run.ts";
import {
  count,
  covers,
  historyOf,
  isCarriedBy,
  nameOf,
  numbersOf,
  PREFIX,
  percent,
  planWith,
  Run,
  receivedOf,
  wantedOf,
} from "./support/viewer-run.ts";
import type { Happening } from "./support/world.ts";
import { isOfLife } from "./support/world.ts";

/** Every message once, in the order of the queue. */
function expectOrder({ received }: Seen): void {
  const numbers = numbersOf(received);
  expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
}

/** What was told live before and after `subscribed` is what it says. */
function expectJoin({ received, joined }: Seen): void {
  const index = received.findIndex(({ message }) => message.type === "subscribed");
  for (const number of numbersOf(received.slice(0, index))) expect(number).toBeLessThan(joined);
  for (const number of numbersOf(received.slice(index))) expect(number).toBeGreaterThanOrEqual(joined);
}

/** After the last snapshot of a job comes what it does not include, once and completely. */
function expectJobComplete({ queue, received }: Seen, jobId: string): void {
  const messages = received.filter(({ message }) => message.meta.task_id === jobId);
  const index = messages.findLastIndex(({ message }) => message.type === "snapshot");
  const snapshot = messages[index]?.message;
  expect(snapshot, `snapshot of ${queue.name}:${jobId}`).toBeDefined();
  if (!snapshot) return;
  const { logs, logs_truncated, state } = snapshot.content as SnapshotContent;
  const readAt = Number(snapshot.meta.readAt);
  const of = (isWanted: (number: number, isLine: boolean) => boolean) =>
    queue.happenings.flatMap((each, number) =>
      each.jobId === jobId && each.kind !== "paused" && isWanted(number, each.kind === "log") ? number : [],
    );
  const later = numbersOf(messages.slice(index + 1));
  const isLine = (number: number) => queue.happenings[number]?.kind === "log";
  const events = later.filter((number) => !isLine(number));
  // One of a job that is gone says nothing, or how it ended as far as was told: what comes then may be newer than that.
  const isOfOneGone = state === "unknown" || (logs_truncated && ["completed", "failed"].includes(state));
  const from = isOfOneGone ? Math.min(readAt, events[0] ?? readAt) : readAt;
  expect(events).toEqual(of((number, line) => !line && number >= from));
  const shown = logs.map(({ content }) => Number(content.replace("line ", "")));
  const lines = [...shown, ...later.filter(isLine)];
  const all = of((_number, line) => line);
  expect(lines).toEqual(all.slice(all.length - lines.length));
  // What a snapshot leaves out of the job's present life it must say.
  const bornAt = queue.happenings
    .slice(0, readAt)
    .findLastIndex(({ kind, jobId: other }) => kind === "added" && other === jobId);
  const own = of((number, line) => line && number >= bornAt);
  if (!logs_truncated) expect(lines.length).toBeGreaterThanOrEqual(own.length);
  const lifeEnded = queue.happenings
    .slice(0, readAt)
    .findLastIndex(({ kind, jobId: other }) => other === jobId && isOfLife(kind));
  if (lifeEnded === -1) expect(state).toBe("unknown");
  else if (queue.happenings[lifeEnded]?.kind !== "completed") expect(state).toBe("active");
  else if (queue.removesEnded && from <= lifeEnded) {
    // What is known is an earlier end at most, of a life of which the next one's beginning was lost.
    const isEarlierEnd = ({ kind, jobId: other }: Happening) => kind === "completed" && other === jobId;
    if (!queue.happenings.slice(0, lifeEnded).some(isEarlierEnd)) expect(state).toBe("unknown");
  }
  // What was removed with its end can be answered for as long as the streams have that.
  else if (!queue.removesEnded || lifeEnded >= queue.trimmed) expect(state).toBe("completed");
}

describe("a viewer with cursors that the ring or the streams reach", () => {
  it("gets what it wants of what came after them, each once, in order, and as it was told live", async () => {
    await fc.assert(
      fc.asyncProperty(planWith({ since: percent, gap: fc.constant(null) }), async (plan) => {
        const { seen, subscribed, live } = await new Run(plan).run();
        expect(subscribed.content).toMatchObject({ topics: plan.topics, recovered: true });
        for (const each of seen.filter(({ queue }) => covers(plan.topics, queue))) {
          const { queue, received, cursor } = each;
          expectJoin(each);
          const told = received.filter(({ message }) => message.type !== "subscribed");
          expect(told.map(nameOf)).toEqual(
            historyOf(each, live, cursor ?? 0)
              .filter(isCarriedBy(plan.topics))
              .map(nameOf),
          );
          // Nothing differs from what was told live, or would have been.
          const liveByName = new Map(told.map((one) => [nameOf(one), one.message]));
          for (const one of receivedOf(queue, live)) {
            expect(liveByName.get(nameOf(one)) ?? one.message).toEqual(one.message);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("a viewer without cursors", () => {
  it("gets snapshots of the jobs it names, what they do not include, and of queues what happens from then on", async () => {
    await fc.assert(
      fc.asyncProperty(planWith({ since: fc.constant(null), gap: fc.constant(null) }), async (plan) => {
        const { seen, subscribed } = await new Run(plan).run();
        expect(subscribed.content).toMatchObject({ topics: plan.topics, recovered: false });
        for (const each of seen.filter(({ queue }) => covers(plan.topics, queue))) {
          const { queue, received, joined, came } = each;
          expectOrder(each);
          const named = plan.topics.flatMap((topic) =>
            topic.startsWith(`job:${queue.name}:`) ? topic.slice(queue.name.length + 5) : [],
          );
          for (const jobId of named) expectJobComplete(each, jobId);
          const isNamed = (number: number) => named.includes(queue.happenings[number]?.jobId ?? "");
          const others = numbersOf(received).filter((number) => !isNamed(number));
          const wanted = wantedOf(queue, plan.topics).filter((number) => !isNamed(number));
          const from = Math.min(joined, others[0] ?? joined);
          expect(from).toBeGreaterThanOrEqual(came);
          expect(others).toEqual(wanted.filter((number) => number >= from));
          expect(received.some(({ message }) => message.type === "gap")).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("a viewer of a queue whose history is lost before, during or after its catch-up", () => {
  const gap = fc.record({ lost: count, atStep: fc.integer({ min: 1, max: 40 }) });

  it("gets what came before or is told of the gap, and then nothing from before it", async () => {
    await fc.assert(
      fc.asyncProperty(planWith({ since: percent, gap }), async (plan) => {
        const { seen, subscribed } = await new Run(plan).run();
        for (const each of seen.filter(({ queue }) => covers(plan.topics, queue))) {
          const { queue, received, cursor, lostFrom, lostTo } = each;
          expectOrder(each);
          const wanted = wantedOf(queue, plan.topics);
          const hasMissed = lostFrom < lostTo && (cursor ?? 0) <= lostFrom;
          // Lines of jobs' own logs are in no stream.
          const isOwnLine = ({ number, message }: Received) => number === null && message.type === "logs";
          received.splice(0, received.length, ...received.filter((one) => !isOwnLine(one)));
          const gaps = received.filter(({ message }) => message.type === "gap");
          expect(gaps.length > 0).toBe(hasMissed);
          // A second time only by what was on its way to live viewers when it joined them.
          expect(gaps.length).toBeLessThanOrEqual(2);
          const gapAt = received.findIndex(({ message }) => message.type === "gap");
          if (!hasMissed) {
            expect(numbersOf(received)).toEqual(wanted.filter((number) => number >= (cursor ?? 0)));
            continue;
          }
          const subscribedAt = received.findIndex(({ message }) => message.type === "subscribed");
          if (gapAt < subscribedAt) expect(subscribed.content).toMatchObject({ recovered: false });
          const [before, after] = [numbersOf(received.slice(0, gapAt)), numbersOf(received.slice(gapAt))];
          const expected = wanted.filter((number) => number >= (cursor ?? 0) && number < lostFrom);
          expect(before).toEqual(expected.slice(0, before.length));
          for (const number of after) expect(number).toBeGreaterThanOrEqual(lostTo);
          // One that joined before has had all there was.
          if (gapAt > subscribedAt) expect(before).toEqual(expected);
          const isWhole = plan.topics.includes("*") || plan.topics.includes(`queue:${queue.name}`);
          const shown = isWhole
            ? queue.happenings.map(({ jobId }) => jobId)
            : plan.topics.flatMap((topic) => (topic.startsWith("job:emails:") ? topic.slice(11) : []));
          for (const jobId of new Set(shown)) {
            const hasSnapshot = received.some(
              ({ message }) => message.type === "snapshot" && message.meta.task_id === jobId,
            );
            const hasBegun = queue.happenings
              .slice(0, lostTo)
              .some((other) => other.jobId === jobId && !["paused", "log"].includes(other.kind));
            // Live viewers are not shown jobs that are not there, which may be told of by an end that is on its way.
            const isShownLive = hasBegun && gapAt > subscribedAt && !plan.removesEnded;
            if (hasSnapshot || isShownLive) expectJobComplete(each, jobId);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("a viewer that is slower than the memory of a queue is long", () => {
  it("gets what it was in time for, then a gap and what follows, and nothing in between", async () => {
    const mebibyte = 1024 ** 2;
    const { manager } = makeManager({ maxQueueBytes: 16 * mebibyte });
    const { logger } = recordingLogger();
    const snapshots = async (keys: readonly JobKey[]) =>
      keys.map((key) => snapshotOf({ ...key, exists: true, state: "active", position: batch.end }));
    const reader = fakeReader({ snapshots, jobsSince: async () => ({ ids: ["1"], truncated: false }) });
    const notifier = new WebSocketNotifier({ manager, reader, prefix: PREFIX, maxTailedJobs: 0, logger });
    onTestFinished(() => notifier.close());
    notifier.watch("emails");
    let batch = batchOf([]);
    await notifier.accept([batch]);
    const since = [encodeCursor(queueTag(PREFIX, "emails"), batch.start)];
    let atMs = START_MS;
    const publish = async (value: unknown) => {
      batch = batchOf([progress(value)], { atMs });
      atMs += 1;
      await notifier.accept([batch]);
    };
    // More than is sent in a row.
    for (let number = 0; number < 300; number += 1) await publish(number);
    const viewer: OpenViewer = openViewer(manager);
    const { send } = viewer.socket;
    let isFirst = true;
    viewer.socket.send = (bytes) => {
      send.call(viewer.socket, bytes);
      viewer.socket.isFull = isFirst;
      isFirst = false;
    };
    viewer.send({ type: "subscribe", content: { topics: ["queue:emails"], since: { emails: since[0] } } });
    await vi.waitUntil(() => viewer.socket.isFull);
    const text = "x".repeat(2 * mebibyte);
    for (let number = 0; number < 40; number += 1) await publish(text);
    await publish("last");
    viewer.socket.isFull = false;
    const sent = viewer.take();
    viewer.connection.drained();
    sent.push(...(await viewer.takeUntil("subscribed")));
    await publish("live");
    sent.push(...viewer.take());
    expect(sent.map(({ type, content }) => (type === "task_progress" ? content : type))).toEqual([
      ...Array.from({ length: 100 }, (_, number) => number),
      "gap",
      "snapshot",
      "subscribed",
      "live",
    ]);
    expect(sent.at(-2)).toMatchObject({ content: { recovered: false } });
  });
});
