import { expect, test } from "vitest";
import { formatMoment } from "../../src/dashboard/format.ts";
import { onceAFrame } from "../../src/dashboard/once-a-frame.ts";
import { readProgress } from "../../src/dashboard/read-progress.ts";
import { windowOf } from "../../src/dashboard/row-window.ts";

test("a percentage is read where there is one, and everything else is shown as text", () => {
  expect(readProgress(null)).toEqual({ percent: null, step: "" });
  expect(readProgress(41.26)).toEqual({ percent: 41.3, step: "" });
  expect(readProgress(250)).toEqual({ percent: 100, step: "" });
  expect(readProgress("half")).toEqual({ percent: null, step: "half" });
  expect(readProgress({ percent: 5, page: 2, of: { all: 9 } })).toEqual({
    percent: 5,
    step: 'page: 2 · of: {"all":9}',
  });
  expect(readProgress([1, 2]).step).toBe("[1,2]");
});

test("of many rows those in sight are drawn, and a few beyond", () => {
  expect(windowOf(0, 400, 40, 10_000)).toEqual({ first: 0, end: 18 });
  expect(windowOf(4000, 400, 40, 10_000)).toEqual({ first: 92, end: 118 });
  expect(windowOf(399_600, 400, 40, 10_000)).toEqual({ first: 9982, end: 10_000 });
  expect(windowOf(399_600, 400, 40, 3)).toEqual({ first: 3, end: 3 });
  expect(windowOf(0, 400, 40, 0)).toEqual({ first: 0, end: 0 });
});

test("something is done once a frame, however often it is asked for, and not when it is called off", () => {
  const asked: FrameRequestCallback[] = [];
  const frames = {
    requestAnimationFrame: (run: FrameRequestCallback) => asked.push(run),
    cancelAnimationFrame: (handle: number) => void delete asked[handle - 1],
  };
  let runs = 0;
  const once = onceAFrame(() => {
    runs += 1;
  }, frames);
  const draw = () => {
    for (const run of asked.splice(0)) run?.(0);
  };
  once.ask();
  once.ask();
  expect(asked.length).toBe(1);
  draw();
  once.ask();
  draw();
  expect(runs).toBe(2);
  once.ask();
  once.cancel();
  draw();
  expect(runs).toBe(2);
});

test("a time of another day has its day", () => {
  const now = new Date(2026, 0, 2, 12).getTime();
  expect(formatMoment(now - 3_600_000, now)).toBe("11:00:00");
  expect(formatMoment(now + 86_400_000, now)).toBe("3 Jan 2026, 12:00:00");
});
