import { PageHead } from "../../parts/page-head.tsx";
import { TEXTS } from "../../texts.ts";

export function MessagesPage() {
  return <PageHead title={TEXTS.messages.title} />;
}
