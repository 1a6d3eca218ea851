// The time of day in microseconds, comparable between the processes of one machine. `Date.now()` knows milliseconds only,
// and `performance.timeOrigin` is never corrected when the time of day is.
let offsetMicroseconds = 0;
calibrateClock();

/** Takes up to a millisecond: waits for the moment in which the millisecond changes. */
export function calibrateClock() {
  const before = Date.now();
  let now = before;
  while (now === before) now = Date.now();
  offsetMicroseconds = now * 1000 - performance.now() * 1000;
}

export function epochMicroseconds() {
  return Math.round(performance.now() * 1000 + offsetMicroseconds);
}
