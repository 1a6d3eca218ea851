/** Who wants to hear of one kind of thing. */
export class Listeners<Value> {
  readonly #listeners = new Set<{ hear: (value: Value) => void }>();

  get size(): number {
    return this.#listeners.size;
  }

  /** Adds a listener; answers how to take it away. */
  add(hear: (value: Value) => void): () => void {
    const listener = { hear };
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  emit(value: Value): void {
    for (const { hear } of [...this.#listeners]) {
      try {
        hear(value);
      } catch (error) {
        // Reported as uncaught, and not here: the other listeners and the messages after this one must not miss out.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
