const PATIENCE_MS = 10_000;

/** Waits for conditions; they are checked whenever something is said to have changed. */
export class Latch {
  readonly #checks = new Set<() => void>();

  changed(): void {
    for (const check of [...this.#checks]) check();
  }

  until(holds: () => boolean, complaint: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error) => {
        clearTimeout(timer);
        this.#checks.delete(check);
        if (error) reject(error);
        else resolve();
      };
      const check = () => {
        if (holds()) finish();
      };
      const timer = setTimeout(() => finish(new Error(`never: ${complaint}`)), PATIENCE_MS);
      this.#checks.add(check);
      check();
    });
  }
}
