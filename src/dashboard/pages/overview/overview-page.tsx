import { PageHead } from "../../parts/page-head.tsx";
import { TEXTS } from "../../texts.ts";

export function OverviewPage() {
  return <PageHead title={TEXTS.overview.title} />;
}
