import { useEffect, useMemo, useState } from "preact/hooks";
import type { OnceAFrame } from "./once-a-frame.ts";
import { onceAFrame } from "./once-a-frame.ts";

/** Draws a component again with the next frame, however often that is asked for until then. */
export function useFrame(): OnceAFrame {
  const [, setCount] = useState(0);
  const frame = useMemo(() => onceAFrame(() => setCount((count) => count + 1)), []);
  useEffect(() => () => frame.cancel(), [frame]);
  return frame;
}
