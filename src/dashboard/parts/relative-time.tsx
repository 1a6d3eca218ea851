import { now } from "../clock.ts";
import { formatAgo, formatInstant, NONE } from "../format.ts";

/** How long ago something was; the whole time is in its hint. */
export function RelativeTime({ time }: { time: string | null }) {
  if (time === null) return <>{NONE}</>;
  return (
    <time dateTime={time} title={formatInstant(time)}>
      {formatAgo(Date.parse(time), now.value)}
    </time>
  );
}
