import { signal } from "@preact/signals";

const TICK_MS = 1000;
let timer: ReturnType<typeof setInterval> | undefined;

/** Now, in milliseconds, to the second: one clock for all times on the page, which stands still while nobody looks at it. */
export const now = signal(Date.now(), {
  watched: () => {
    now.value = Date.now();
    timer = setInterval(() => {
      if (!document.hidden) now.value = Date.now();
    }, TICK_MS);
  },
  unwatched: () => clearInterval(timer),
});
