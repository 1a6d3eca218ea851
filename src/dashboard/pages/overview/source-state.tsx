import type { SourceState as State } from "../../../protocol/source-status.ts";
import type { Tone } from "../../parts/badge.tsx";
import { Badge } from "../../parts/badge.tsx";
import { TEXTS } from "../../texts.ts";

const TONES: Readonly<Record<State, Tone>> = {
  connecting: "warn",
  reading: "neutral",
  reconnecting: "warn",
  taken_over: "warn",
  closed: "neutral",
};

/** What a source is doing. */
export function SourceState({ state }: { state: State }) {
  return <Badge tone={TONES[state]}>{TEXTS.overview.queues.sources[state]}</Badge>;
}
