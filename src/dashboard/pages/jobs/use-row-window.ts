import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { OnceAFrame } from "../../once-a-frame.ts";
import type { RowWindow } from "../../row-window.ts";
import { windowOf } from "../../row-window.ts";
import { rowIndexOf } from "./use-row-focus.ts";

/** Rows that may be gone at once, from the one that must not move on. */
const MAX_GONE = 50;

/** Any row that can be told from others. */
interface Row {
  readonly key: string;
}

export interface ShownRows extends RowWindow {
  /** How many rows have come above what is in sight since it was scrolled away from the top. */
  newer: number;
}

/** Where the page was when it was last drawn. */
interface Drawn {
  rows: readonly Row[];
  /** The index of the row that must not move. */
  anchor: number | null;
  newer: number;
  subject: string;
}

/**
 * Which rows of a table that scrolls with the page are in sight. As rows come and go above them, the page is scrolled
 * along: what somebody reads, or has the focus in, stays where it is.
 *
 * @param subject what the rows are of: where that changes, it begins at the top.
 * @param list where the rows are drawn.
 * @param frame draws again.
 */
export function useRowWindow(
  rows: readonly Row[],
  subject: string,
  rowHeight: number,
  list: RefObject<HTMLElement | null>,
  frame: OnceAFrame,
): ShownRows {
  const drawn = useRef<Drawn>({ rows, anchor: null, newer: 0, subject });
  const moved = useRef(0);
  useEffect(() => {
    addEventListener("scroll", frame.ask, { passive: true });
    addEventListener("resize", frame.ask);
    return () => {
      removeEventListener("scroll", frame.ask);
      removeEventListener("resize", frame.ask);
    };
  }, [frame]);

  const { current: before } = drawn;
  // How far the first row has gone up under the table's head, which stays at the top.
  const scrolled = list.current ? stickyBottomOf(list.current) - list.current.getBoundingClientRect().top : 0;
  if (subject !== before.subject) moved.current = Math.min(0, -scrolled);
  else
    moved.current =
      before.anchor !== null && rows !== before.rows ? shiftOf(before.rows, before.anchor, rows) * rowHeight : 0;
  const scrollTop = scrolled + moved.current;
  const anchor = anchorOf(rows, scrollTop, rowHeight, list.current);
  const newer = scrollTop <= 0 ? 0 : Math.max(0, before.newer + Math.round(moved.current / rowHeight));
  drawn.current = { rows, anchor, newer, subject };

  useLayoutEffect(() => {
    if (moved.current !== 0) scrollBy({ top: moved.current, behavior: "instant" });
    moved.current = 0;
  });
  return { ...windowOf(Math.max(0, scrollTop), innerHeight, rowHeight, rows.length), newer };
}

/** How many rows further down the anchor is now; where it is gone, the next one below it that is not. */
function shiftOf(before: readonly Row[], anchor: number, rows: readonly Row[]): number {
  for (const [offset, row] of before.slice(anchor, anchor + MAX_GONE).entries()) {
    const index = rows.indexOf(row);
    if (index >= 0) return index - anchor - offset;
  }
  return 0;
}

/** The row that must not move; null at the top, where new rows push the others down. */
function anchorOf(
  rows: readonly Row[],
  scrollTop: number,
  rowHeight: number,
  list: HTMLElement | null,
): Drawn["anchor"] {
  const focused = list?.contains(document.activeElement) ? rowIndexOf(document.activeElement) : null;
  const index = scrollTop > 0 ? Math.floor(scrollTop / rowHeight) : focused;
  return index !== null && index < rows.length ? index : null;
}

function stickyBottomOf(list: HTMLElement): number {
  return list.previousElementSibling?.getBoundingClientRect().bottom ?? 0;
}
