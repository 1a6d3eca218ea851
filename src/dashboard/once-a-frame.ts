/** Something that is done at most once in each frame, however often it is asked for. */
export interface OnceAFrame {
  /** Asks for it. Costs next to nothing when it was asked for already. */
  ask(): void;
  cancel(): void;
}

/** In a hidden tab nothing is drawn: it is done when the tab is shown again. */
export function onceAFrame(
  run: () => void,
  frames: Pick<Window, "requestAnimationFrame" | "cancelAnimationFrame"> = window,
): OnceAFrame {
  let asked: number | null = null;
  return {
    ask: () => {
      asked ??= frames.requestAnimationFrame(() => {
        asked = null;
        run();
      });
    },
    cancel: () => {
      if (asked !== null) frames.cancelAnimationFrame(asked);
      asked = null;
    },
  };
}
