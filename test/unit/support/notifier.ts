import { onTestFinished } from "vitest";
import type { ConnectionManager } from "../../../src/connections/connection-manager.ts";
import { encodeCursor, queueTag } from "../../../src/notifier/cursor.ts";
import { WebSocketNotifier } from "../../../src/notifier/web-socket-notifier.ts";
import type { Position } from "../../../src/sources/fact.ts";
import type { JobReader } from "../../../src/sources/job-reader.ts";
import { fakeReader } from "./fake-reader.ts";
import { makeManager, openViewer, recordingLogger } from "./manager.ts";

export const PREFIX = "bull";

/** A notifier that watches the queue `emails`. */
export function makeNotifier(overrides: Partial<JobReader> = {}) {
  const { manager } = makeManager();
  const { logger, logs } = recordingLogger();
  const asked: string[][] = [];
  const reader = fakeReader(overrides);
  const notifier = new WebSocketNotifier({
    manager,
    reader: {
      ...reader,
      hashes: (keys) => {
        asked.push(keys.map(({ queue, jobId }) => `${queue}:${jobId}`));
        return reader.hashes(keys);
      },
    },
    prefix: PREFIX,
    maxTailedJobs: 100,
    logger,
  });
  onTestFinished(() => notifier.close());
  notifier.watch("emails");
  return { manager, notifier, logs, asked };
}

export const watchAll = (manager: ConnectionManager) => openViewer(manager, { topics: ["*"] });

interface Cursors {
  cursors: Record<string, string>;
}

/** The cursors that a viewer of these topics is told now. */
export async function cursorsOf(manager: ConnectionManager, topics: string[]): Promise<Cursors["cursors"]> {
  const viewer = openViewer(manager, { clientId: "asks", topics });
  const isSubscribed = viewer.greeting.some(({ type }) => type === "subscribed");
  const sent = isSubscribed ? viewer.greeting : await viewer.takeUntil("subscribed");
  manager.remove(viewer.connection);
  const [told] = sent.slice(-1).map(({ content }) => content as Cursors);
  return told?.cursors ?? {};
}

export const cursorAt = (position: Position, queue = "emails") => encodeCursor(queueTag(PREFIX, queue), position);
