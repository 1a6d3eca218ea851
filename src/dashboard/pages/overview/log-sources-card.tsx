import type { SourceStatus } from "../../../protocol/source-status.ts";
import { formatCount, formatDuration, NONE } from "../../format.ts";
import { Card } from "../../parts/card.tsx";
import { TableScroll } from "../../parts/table-scroll.tsx";
import { TEXTS } from "../../texts.ts";
import { SourceState } from "./source-state.tsx";

const texts = TEXTS.overview.logs;

/** Where else the bridge reads from: with what went wrong there, which no queue's row shows. */
export function LogSourcesCard({ sources }: { sources: readonly SourceStatus[] }) {
  const shown = sources.filter(isWorthARow);
  if (shown.length === 0) return null;
  return (
    <Card title={texts.title} isFlush>
      <TableScroll label={texts.title}>
        <table class="table log-sources">
          <thead>
            <tr>
              <th scope="col">{texts.kind}</th>
              <th scope="col">{texts.of}</th>
              <th scope="col" class="number">
                {TEXTS.overview.queues.lag}
              </th>
              <th scope="col" class="number">
                {texts.malformed}
              </th>
              <th scope="col" class="number">
                {texts.gaps}
              </th>
              <th scope="col">{texts.state}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((source) => (
              <tr key={`${source.kind}:${source.queue}`}>
                <td>{texts.kinds[source.kind]}</td>
                <td class={source.queue === null ? "muted" : ""}>{source.queue ?? texts.all}</td>
                <td class="number">{source.lag_ms === null ? NONE : formatDuration(source.lag_ms)}</td>
                <td class="number">{formatCount(source.malformed)}</td>
                <td class="number">{formatCount(source.gaps)}</td>
                <td>
                  <SourceState state={source.state} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </Card>
  );
}

/** The streams of a queue have its row already, unless something went wrong with them. */
function isWorthARow({ queue, malformed, gaps }: SourceStatus): boolean {
  return queue === null || malformed > 0 || gaps > 0;
}
