import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** What `aria-rowindex` calls the first row below the head. */
export const FIRST_ROW_INDEX = 2;

/** Rows that stay in sight beyond the one that is gone to. */
const MARGIN_ROWS = 3;

/** Which row of a table something is in; null for what is in none. */
export function rowIndexOf(element: Element | null): number | null {
  const index = element?.closest("tr")?.getAttribute("aria-rowindex");
  return typeof index === "string" ? Number(index) - FIRST_ROW_INDEX : null;
}

export interface RowFocus {
  /** The row that was gone to last. */
  index: number;
  move: (event: KeyboardEvent) => void;
}

/** Arrow keys, Home and End go from row to row of a table, also to those that are not drawn yet. */
export function useRowFocus(count: number, rowHeight: number, list: RefObject<HTMLElement | null>): RowFocus {
  const index = useRef(0);
  /** The row to go to as soon as it is drawn. */
  const wanted = useRef<number | null>(null);
  const focusWanted = () => {
    if (wanted.current === null) return;
    const row = `[aria-rowindex="${wanted.current + FIRST_ROW_INDEX}"]`;
    const link = list.current?.querySelector<HTMLElement>(`${row} a`);
    if (!link) return;
    wanted.current = null;
    link.focus({ preventScroll: true });
  };
  useEffect(focusWanted);
  const move = (event: KeyboardEvent) => {
    // Where it is now: rows may have come above it. Or where it is going to.
    const from = wanted.current ?? rowIndexOf(document.activeElement) ?? index.current;
    const next = targetOf(event.key, from, count);
    if (next === null || !list.current) return;
    event.preventDefault();
    bringIntoSight(list.current.getBoundingClientRect().top + next * rowHeight, rowHeight);
    index.current = wanted.current = next;
    focusWanted();
  };
  return { index: index.current, move };
}

function targetOf(key: string, index: number, count: number): number | null {
  const target = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: count - 1 }[key];
  return target === undefined || target < 0 || target >= count ? null : target;
}

/** Scrolls the page so that a row is neither under the table's head nor beyond the window. */
function bringIntoSight(top: number, rowHeight: number): void {
  const margin = MARGIN_ROWS * rowHeight;
  const bottom = top + rowHeight;
  if (top < margin) scrollBy({ top: top - margin, behavior: "instant" });
  else if (bottom > innerHeight - margin) scrollBy({ top: bottom + margin - innerHeight, behavior: "instant" });
}
