import { describe, expect, it } from "vitest";
import type { LogEntry } from "../../src/worker/log-entry.ts";
import { LogWriter, MAX_LINES_IN_FLIGHT } from "../../src/worker/log-writer.ts";

/** A sink that answers when told to. */
class HeldSink {
  readonly entries: LogEntry[] = [];
  readonly #answers: { resolve: () => void; reject: (reason: Error) => void }[] = [];

  append(entry: LogEntry): Promise<void> {
    this.entries.push(entry);
    return new Promise((resolve, reject) => this.#answers.push({ resolve, reject }));
  }

  accept(count = Number.POSITIVE_INFINITY): void {
    for (const { resolve } of this.#answers.splice(0, count)) resolve();
  }

  refuse(count = Number.POSITIVE_INFINITY): void {
    for (const { reject } of this.#answers.splice(0, count)) reject(new Error("refused"));
  }

  /** The entries in short: a line's text, or a hole as `<dropped>`. */
  get summary(): string[] {
    return this.entries.map((entry) => ("dropped" in entry ? `<${entry.dropped}>` : entry.msg));
  }
}

const line = (msg: string) => ({ level: "info", msg, time: 1 });
const turn = () => new Promise((resolve) => setImmediate(resolve));

function write(writer: LogWriter, count: number, start = 0): void {
  for (let index = 0; index < count; index += 1) writer.write(line(String(start + index)));
}

describe("the writer of a job's lines", () => {
  it("hands lines on in the caller's turn once it has a sink, and those from before in order", () => {
    const writer = new LogWriter();
    const sink = new HeldSink();
    write(writer, 3);
    writer.open(sink);
    write(writer, 2, 3);

    expect(sink.summary).toEqual(["0", "1", "2", "3", "4"]);
  });

  it("bounds the lines that wait for a sink as it bounds those that wait for an answer", () => {
    const writer = new LogWriter();
    const sink = new HeldSink();
    write(writer, MAX_LINES_IN_FLIGHT + 10);
    writer.open(sink);

    expect(sink.entries).toHaveLength(MAX_LINES_IN_FLIGHT);
  });

  it("drops the newest beyond 1,000 in flight, and puts one entry with their number in their place", async () => {
    const writer = new LogWriter();
    const sink = new HeldSink();
    writer.open(sink);
    write(writer, 1500);
    expect(sink.entries).toHaveLength(1000);
    expect(writer.inFlight).toBe(1000);

    sink.accept(100);
    await turn();
    write(writer, 5, 1500);
    expect(sink.entries).toHaveLength(1000);

    sink.accept(500);
    await turn();
    write(writer, 1, 2000);
    expect(sink.summary.slice(999)).toEqual(["999", "<505>", "2000"]);
  });

  it("marks a hole although no line follows it", async () => {
    const writer = new LogWriter();
    const sink = new HeldSink();
    writer.open(sink);
    write(writer, 1001);
    sink.accept();
    await turn();

    expect(sink.summary.slice(1000)).toEqual(["<1>"]);
  });

  it("counts refused lines as dropped, a refused mark with all it stood for, and does not chase its own marks", async () => {
    const writer = new LogWriter();
    const sink = new HeldSink();
    writer.open(sink);
    write(writer, 3);
    sink.refuse();
    await turn();
    expect(sink.entries).toHaveLength(3);

    write(writer, 1, 3);
    expect(sink.summary.slice(3)).toEqual(["<3>", "3"]);
    sink.refuse();
    await turn();
    expect(sink.entries).toHaveLength(5);

    write(writer, 1, 4);
    expect(sink.summary.slice(5)).toEqual(["<4>", "4"]);
  });

  it("takes a sink that throws for one that refuses", async () => {
    const writer = new LogWriter();
    writer.open({
      append() {
        throw new Error("closed");
      },
    });
    write(writer, 2);

    expect(await writer.flush()).toBe(false);
  });

  it("flushes what was written so far, not what comes after", async () => {
    const writer = new LogWriter();
    const sink = new HeldSink();
    writer.open(sink);
    write(writer, 2);
    const flushed = writer.flush();
    write(writer, 1, 2);
    sink.accept(2);

    expect(await flushed).toBe(true);
    expect(writer.inFlight).toBe(1);
  });

  it("marks a hole of refused lines when flushed", async () => {
    const writer = new LogWriter();
    const sink = new HeldSink();
    writer.open(sink);
    write(writer, 2);
    const flushed = writer.flush();
    sink.refuse();
    await turn();
    expect(sink.summary).toEqual(["0", "1", "<2>"]);
    sink.accept();

    expect(await flushed).toBe(true);
  });
});
