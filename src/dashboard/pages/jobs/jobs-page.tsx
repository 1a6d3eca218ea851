import { PageHead } from "../../parts/page-head.tsx";
import { TEXTS } from "../../texts.ts";

export function JobsPage() {
  return <PageHead title={TEXTS.jobs.title} />;
}
