// The time of day in microseconds, comparable between the processes of one machine. `Date.now()` knows milliseconds only,
// and `performance.timeOrigin` is never corrected when the time of day is.
const LOOKS = 8;

let offsetMicroseconds = 0;
calibrateClock();

/**
 * Takes some milliseconds: looks at the moments in which the millisecond changes. Whoever is held up sees one too late,
 * never too early, so that the largest difference is the right one.
 */
export function calibrateClock() {
  const differences = Array.from({ length: LOOKS }, () => {
    const before = Date.now();
    let now = before;
    while (now === before) now = Date.now();
    return now * 1000 - performance.now() * 1000;
  });
  offsetMicroseconds = Math.max(...differences);
}

export function epochMicroseconds() {
  return Math.round(performance.now() * 1000 + offsetMicroseconds);
}
