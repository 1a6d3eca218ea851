import { PageHead } from "../../parts/page-head.tsx";
import { query } from "../../router.ts";
import { TEXTS } from "../../texts.ts";
import { readFilter } from "./job-filter.ts";
import { JobFilters } from "./job-filters.tsx";
import { JobsTable } from "./jobs-table.tsx";

/** All jobs, live; the address holds the filter. */
export function JobsPage() {
  const filter = readFilter(query.value);
  return (
    <>
      <PageHead title={TEXTS.jobs.title} />
      <JobFilters filter={filter} />
      {/* Another queue is another table: nothing of the one before is of use to it. */}
      <JobsTable key={filter.queue ?? ""} filter={filter} />
    </>
  );
}
