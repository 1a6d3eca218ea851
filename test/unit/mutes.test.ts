import { describe, expect, it } from "vitest";
import type { Connection } from "../../src/connections/connection.ts";
import { Mutes } from "../../src/notifier/mutes.ts";
import { at } from "./support/frames.ts";
import { makeManager, openViewer } from "./support/manager.ts";

function connections(...clientIds: string[]): Connection[] {
  const { manager } = makeManager();
  return clientIds.map((clientId) => openViewer(manager, { clientId }).connection);
}

const [anna, ben] = ["anna", "ben"];
const names = (muted: ReadonlySet<Connection> | null) => muted && [...muted].map(({ clientId }) => clientId).toSorted();
/** A reader whose answers are its own. */
class Told {
  readonly #lines: number | null;
  readonly #isOwed: boolean;

  constructor(lines: number | null, isOwed: boolean) {
    this.#lines = lines;
    this.#isOwed = isOwed;
  }

  toldLines(): number | null {
    return this.#lines;
  }

  owesLines(): boolean {
    return this.#isOwed;
  }
}

const told = (lines: number | null, isOwed = false) => new Told(lines, isOwed);
const untold = told(null);

describe("who has been told of a fact by a snapshot", () => {
  it("is known up to the snapshot's position, in each stream by itself", () => {
    const mutes = new Mutes();
    mutes.add("emails:1", { position: at(5, 3), lines: 0, hasEnded: false }, connections(anna));
    expect(names(mutes.ofFact("emails:1", "events", "5-0"))).toEqual([anna]);
    expect(mutes.ofFact("emails:1", "events", "5-1")).toBeNull();
    expect(names(mutes.ofFact("emails:1", "logs", "3-0"))).toEqual([anna]);
    expect(mutes.ofFact("emails:1", "logs", "4-0")).toBeNull();
    expect(mutes.ofFact("emails:2", "events", "5-0")).toBeNull();
    expect(mutes.ofFact("emails", "events", "5-0")).toBeNull();
  });

  it("is known of the lines of the job's own log by their numbers", () => {
    const mutes = new Mutes();
    mutes.add("emails:1", { position: at(5), lines: 2, hasEnded: false }, connections(anna));
    expect(names(mutes.ofLine("emails:1", 1))).toEqual([anna]);
    expect(mutes.ofLine("emails:1", 2)).toBeNull();
    expect(mutes.ofLine("emails:2", 0)).toBeNull();
  });

  it("is known of several snapshots of one job, each with its own", () => {
    const mutes = new Mutes();
    const [first, second] = connections(anna, ben);
    if (!first || !second) throw new Error("two connections were asked for");
    mutes.add("emails:1", { position: at(5), lines: 1, hasEnded: false }, [first]);
    mutes.add("emails:1", { position: at(7), lines: 3, hasEnded: false }, [second]);
    expect(names(mutes.ofFact("emails:1", "events", "5-0"))).toEqual([anna, ben]);
    expect(names(mutes.ofFact("emails:1", "events", "6-0"))).toEqual([ben]);
    expect(names(mutes.ofLine("emails:1", 0))).toEqual([anna, ben]);
    expect(names(mutes.ofLine("emails:1", 2))).toEqual([ben]);
  });

  it("is forgotten once publishing has passed it in both streams and in the job's own log", () => {
    const mutes = new Mutes();
    mutes.add("emails:1", { position: at(5, 3), lines: 2, hasEnded: false }, connections(anna));
    mutes.prune("emails", at(4, 9), untold);
    mutes.prune("emails", at(9, 2), untold);
    mutes.prune("emails", at(5, 3), told(1));
    mutes.prune("images", at(9, 9), untold);
    mutes.prune("email", at(9, 9), untold);
    expect(mutes.size).toBe(1);
    mutes.prune("emails", at(5, 3), told(2));
    expect(mutes.size).toBe(0);
    expect(mutes.ofFact("emails:1", "events", "1-0")).toBeNull();
  });

  it("is forgotten once an end is passed, whatever lines were told", () => {
    const mutes = new Mutes();
    mutes.add("emails:1", { position: at(5), lines: 2, hasEnded: true }, connections(anna));
    mutes.prune("emails", at(4), told(0));
    expect(names(mutes.ofLine("emails:1", 1))).toEqual([anna]);
    mutes.prune("emails", at(5), told(0));
    expect(mutes.size).toBe(0);
  });

  it("is kept of lines that could not be told before the end until they are told", () => {
    const mutes = new Mutes();
    mutes.add("emails:1", { position: at(5), lines: 2, hasEnded: true }, connections(anna));
    mutes.prune("emails", at(9), told(0, true));
    expect(names(mutes.ofLine("emails:1", 1))).toEqual([anna]);
    mutes.prune("emails", at(9), told(2, true));
    expect(mutes.size).toBe(0);
  });

  it("is forgotten of connections that are gone", () => {
    const { manager } = makeManager();
    const gone = openViewer(manager, { clientId: anna }).connection;
    const there = openViewer(manager, { clientId: ben }).connection;
    const mutes = new Mutes();
    mutes.add("emails:1", { position: at(5), lines: 0, hasEnded: false }, [gone, there]);
    mutes.add("emails:2", { position: at(5), lines: 0, hasEnded: false }, [gone]);
    manager.remove(gone);
    mutes.prune("emails", at(1), untold);
    expect(mutes.size).toBe(1);
    expect(names(mutes.ofFact("emails:1", "events", "5-0"))).toEqual([ben]);
  });
});
