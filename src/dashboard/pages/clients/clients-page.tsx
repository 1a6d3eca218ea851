import { PageHead } from "../../parts/page-head.tsx";
import { TEXTS } from "../../texts.ts";

export function ClientsPage() {
  return <PageHead title={TEXTS.clients.title} />;
}
