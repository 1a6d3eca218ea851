export type Rows<Row> = Iterable<Row> | AsyncIterable<Row>;

/**
 * Reads rows, up to so many, and ends the iterable when there are more. The abort of the signal ends it too, also while
 * a row is waited for that may never come.
 */
export async function readRows<Row>(rows: Rows<Row>, count: number, signal: AbortSignal): Promise<Row[]> {
  const iterator = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  // It may be aborted when nobody reads any more.
  aborted.catch(() => undefined);
  const read: Row[] = [];
  try {
    while (read.length < count) {
      signal.throwIfAborted();
      const next = await Promise.race([iterator.next(), aborted]);
      if (next.done) return read;
      read.push(await Promise.race([next.value, aborted]));
    }
    return read;
  } finally {
    // One that is in the middle of a row ends after it: nobody waits for that. Ended already, it does nothing.
    void endOf(iterator).catch(() => undefined);
  }
}

async function endOf(iterator: Iterator<unknown> | AsyncIterator<unknown>): Promise<void> {
  await iterator.return?.();
}

/** Whether it can be read but once, as what a generator answers: it is its own iterator. Reads nothing of it. */
export function isReadOnce(rows: unknown): boolean {
  if (typeof rows !== "object" || rows === null) return false;
  const iterable = rows as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  return (iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]?.()) === rows;
}
