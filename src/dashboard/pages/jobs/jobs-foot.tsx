import { formatCount } from "../../format.ts";
import { Button } from "../../parts/button.tsx";
import { TEXTS } from "../../texts.ts";
import type { JobsFeed } from "./jobs-feed.ts";

const { jobs: texts } = TEXTS;

/** What stands below the table: how much there is of what, and whether there is more. */
export function JobsFoot({ feed }: { feed: JobsFeed }) {
  const { table, error, isReading, hasMore, isBegun } = feed;
  return (
    <footer class="jobs-foot">
      <span>{texts.shown(formatCount(table.shown.length), formatCount(table.size))}</span>
      <span class="jobs-foot-more" role="status">
        {error !== null && <span class="complaint">{texts.failed(messageOf(error))}</span>}
        {isReading && texts.loading}
        {!isReading &&
          error === null &&
          isBegun &&
          !hasMore &&
          (table.isFull ? texts.full(formatCount(table.maxRows)) : texts.allLoaded)}
      </span>
      {!isReading && (error !== null || (hasMore && isBegun)) && (
        <Button onClick={() => feed.readOn()}>{error === null ? texts.loadMore : texts.retry}</Button>
      )}
    </footer>
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}
