import { PageHead } from "../../parts/page-head.tsx";

export function JobPage({ queue, id }: { queue: string; id: string }) {
  return <PageHead title={`${queue} ${id}`} />;
}
