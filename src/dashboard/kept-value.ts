/** One short text that outlives a reload. Where the browser keeps nothing for this page, it is there until the page goes. */
export class KeptValue {
  readonly #key: string;
  #storage: Storage | null = null;
  #value: string | null = null;

  /** `open` answers the browser's storage; it may throw. */
  constructor(key: string, open: () => Storage) {
    this.#key = key;
    try {
      this.#storage = open();
      this.#value = this.#storage.getItem(key);
    } catch {
      // By its settings, for example.
    }
  }

  get value(): string | null {
    return this.#value;
  }

  set value(value: string | null) {
    this.#value = value;
    try {
      if (value === null) this.#storage?.removeItem(this.#key);
      else this.#storage?.setItem(this.#key, value);
    } catch {
      // There is no room.
    }
  }
}
