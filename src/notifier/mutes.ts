import type { Connection } from "../connections/connection.ts";
import type { Position, StreamId } from "../sources/fact.ts";
import { compareStreamIds } from "../sources/fact.ts";
import { jobKeyOf } from "../sources/job-key.ts";
import type { JobReader } from "../sources/job-reader.ts";
import type { LineFrame } from "./ring.ts";
import { covers } from "./ring.ts";

/** How far a snapshot told of a job: up to a position in its queue's streams, and so many lines of its own log. */
export interface Told {
  position: Position;
  /** Lines of the job's own log. */
  lines: number;
  /** Whether it told the job's end, so that lines come once that is passed only where they could not be read before. */
  hasEnded: boolean;
}

interface Mute extends Told {
  connections: Set<Connection>;
}

/**
 * Which connections have been told of a job's facts by a snapshot before those facts were published: the snapshot may
 * be ahead of the reading by a moment, and an end must be shown once.
 */
export class Mutes {
  readonly #mutes = new Map<string, Mute[]>();

  add(key: string, told: Told, connections: Iterable<Connection>): void {
    const mutes = this.#mutes.get(key);
    const mute = { ...told, connections: new Set(connections) };
    // The newest snapshot of a connection counts.
    for (const former of mutes ?? []) for (const each of mute.connections) former.connections.delete(each);
    if (mutes) mutes.push(mute);
    else this.#mutes.set(key, [mute]);
  }

  /** A new life of the job has begun. */
  delete(key: string): void {
    this.#mutes.delete(key);
  }

  /** The queue is no longer attached: nothing of its jobs is told. */
  forget(queue: string): void {
    for (const key of this.#mutes.keys()) if (key.startsWith(`${queue}:`)) this.#mutes.delete(key);
  }

  /** Who is not to be sent a fact of this job; null when nobody. */
  ofFact(key: string, stream: keyof Position, id: StreamId): Set<Connection> | null {
    return this.#find(key, ({ position }) => compareStreamIds(id, position[stream]) <= 0);
  }

  /** Who is not to be sent a line of this job's own log; null when nobody. */
  ofLine(key: string, line: number): Set<Connection> | null {
    return this.#find(key, ({ lines }) => line < lines);
  }

  /**
   * Forgets what is passed, in the streams and in the job's own log, and connections that are gone. The reader says how
   * many lines of a job have been told, null where they have no numbers any more, so that none can be left out; and of
   * one that has ended whether lines are still to come.
   */
  prune(queue: string, published: Position, reader: Pick<JobReader, "toldLines" | "owesLines">): void {
    for (const [key, mutes] of this.#mutes) {
      if (!key.startsWith(`${queue}:`)) continue;
      const lines = reader.toldLines(jobKeyOf(key));
      const left = mutes.filter((mute) => {
        for (const connection of mute.connections) if (!connection.isOpen) mute.connections.delete(connection);
        const isOver = mute.hasEnded && !reader.owesLines(jobKeyOf(key));
        const hasNoLines = isOver || lines === null || lines >= mute.lines;
        const isPassed = covers(published, mute.position) && hasNoLines;
        return mute.connections.size > 0 && !isPassed;
      });
      if (left.length === 0) this.#mutes.delete(key);
      else this.#mutes.set(key, left);
    }
  }

  get size(): number {
    return this.#mutes.size;
  }

  #find(key: string, holds: (mute: Mute) => boolean): Set<Connection> | null {
    const mutes = this.#mutes.get(key)?.filter(holds) ?? [];
    if (mutes.length < 2) return mutes[0]?.connections ?? null;
    return new Set(mutes.flatMap(({ connections }) => [...connections]));
  }
}

/** Whether a line of a job's own log was in a snapshot. */
export function isLineTold({ line }: Pick<LineFrame, "line">, told: Told | undefined): boolean {
  return told !== undefined && line !== null && line < told.lines;
}
