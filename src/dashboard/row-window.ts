/** Rows drawn beyond either edge, so that a fast turn of the wheel shows no blank. */
const OVERSCAN = 8;

/** Which of many rows of the same height are to be drawn: from `first` up to, not including, `end`. */
export interface RowWindow {
  first: number;
  end: number;
}

/** Finds them for a place of the scroll bar; all in CSS pixels. */
export function windowOf(scrollTop: number, height: number, rowHeight: number, count: number): RowWindow {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - OVERSCAN);
  const end = Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + OVERSCAN);
  return { first: Math.min(first, end), end };
}
