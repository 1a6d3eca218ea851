import type { JobView } from "../../../client/index.ts";
import type { JobDetails } from "../../../protocol/job-summary.ts";
import { formatBytes } from "../../format.ts";
import { Card } from "../../parts/card.tsx";
import { CopyButton } from "../../parts/copy-button.tsx";
import { JsonTree } from "../../parts/json-tree.tsx";
import { TEXTS } from "../../texts.ts";

const { data: texts } = TEXTS.job;

/** What the job was given and what it gave back. */
export function JobData({ view, details }: { view: JobView; details: JobDetails | null }) {
  return (
    <>
      {view.state === "completed" && (
        <Value title={texts.result} value={view.result ?? details?.result} openLevels={2} />
      )}
      {details && details.data_bytes !== null && (
        <>
          <Value title={texts.data} value={details.data} bytes={details.data_bytes} openLevels={2} />
          <Value title={texts.options} value={details.options} openLevels={0} />
        </>
      )}
    </>
  );
}

interface ValueProps {
  title: string;
  value: unknown;
  /** Its size; with a value of null it is one that was too large to be told. */
  bytes?: number | null;
  openLevels: number;
}

function Value({ title, value, bytes = null, openLevels }: ValueProps) {
  const isLeftOut = value === null && bytes !== null && bytes > "null".length;
  const isNone = value === null || value === undefined;
  return (
    <Card
      title={title}
      {...(!isNone && { aside: <CopyButton text={() => JSON.stringify(value, null, 2)} hint={texts.copy(title)} /> })}
    >
      {isNone ? (
        <p class="muted">{isLeftOut ? texts.tooLarge(formatBytes(bytes)) : texts.none}</p>
      ) : (
        <JsonTree value={value} openLevels={openLevels} />
      )}
    </Card>
  );
}
