import { TEXTS } from "../texts.ts";
import type { Tone } from "./badge.tsx";
import { Badge } from "./badge.tsx";

/** The states that messages name, and `paused`, in which jobs of a paused queue are counted. */
export type ShownState = keyof typeof TEXTS.parts.states;

export const STATE_TONES: Readonly<Record<ShownState, Tone>> = {
  waiting: "neutral",
  active: "info",
  delayed: "delayed",
  prioritized: "neutral",
  "waiting-children": "delayed",
  paused: "warn",
  completed: "good",
  failed: "bad",
  unknown: "neutral",
};

/** Where a job stands. */
export function StateBadge({ state }: { state: ShownState }) {
  return <Badge tone={STATE_TONES[state]}>{TEXTS.parts.states[state]}</Badge>;
}
