/** Where one row of a wrapped text begins and ends. */
export interface TextRow {
  start: number;
  end: number;
}

/** Characters that a fixed-width font draws twice as wide: East Asian ones and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f000}-\u{3ffff}]/u;
const ASCII = /^[\x20-\x7e]*$/;

/**
 * Cuts a text into rows of at most so many columns of a fixed-width font, as a terminal does: each row then has the same
 * height, so that of ten thousand lines only those in sight need to be drawn.
 */
export function wrapText(text: string, columns: number): TextRow[] {
  const rows: TextRow[] = [];
  let start = 0;
  for (const line of text.split("\n")) {
    wrapLine(line, start, Math.max(1, columns), rows);
    start += line.length + 1;
  }
  return rows;
}

function wrapLine(line: string, offset: number, columns: number, rows: TextRow[]): void {
  if (ASCII.test(line)) {
    for (let start = 0; start === 0 || start < line.length; start += columns) {
      rows.push({ start: offset + start, end: offset + Math.min(line.length, start + columns) });
    }
    return;
  }
  let start = 0;
  let end = 0;
  let width = 0;
  for (const character of line) {
    const added = WIDE.test(character) ? 2 : 1;
    if (width + added > columns && end > start) {
      rows.push({ start: offset + start, end: offset + end });
      [start, width] = [end, 0];
    }
    width += added;
    end += character.length;
  }
  rows.push({ start: offset + start, end: offset + end });
}
