import type { Health, HealthStatus } from "../../../protocol/admin.ts";
import type { Tone } from "../../parts/badge.tsx";
import { Badge } from "../../parts/badge.tsx";
import { Icon } from "../../parts/icon.tsx";
import { TEXTS } from "../../texts.ts";

const texts = TEXTS.overview.health;
const TONES: Readonly<Record<HealthStatus, Tone>> = { healthy: "good", degraded: "warn", unhealthy: "bad" };

/** What works and what does not: parts in trouble first, each with its reason. */
export function HealthCard({ health }: { health: Health | null }) {
  if (!health) {
    return (
      <section class="card health" aria-label={texts.title}>
        <h2>{texts.title}</h2>
        <Badge>{texts.unknown}</Badge>
      </section>
    );
  }
  const parts = Object.entries(health.checks);
  const troubled = parts.filter(([, { status }]) => status !== "healthy");
  const fine = parts.filter(([, { status }]) => status === "healthy");
  return (
    <section class="card health" aria-label={texts.title}>
      <h2>{texts.title}</h2>
      <Badge tone={TONES[health.status]}>{texts[health.status]}</Badge>
      <ul class="health-fine">
        {fine.map(([part]) => (
          <li key={part} data-part={part}>
            <Icon name="check" />
            {nameOf(part)} <span class="visually-hidden">{texts.healthy}</span>
          </li>
        ))}
      </ul>
      {troubled.length > 0 && (
        <ul class="health-trouble">
          {troubled.map(([part, { status, reason }]) => (
            <li key={part} data-tone={TONES[status]} data-part={part}>
              <Icon name="warning" />
              <b>{nameOf(part)}</b>
              <span class="health-status">{texts[status]}</span>
              <span class="health-reason">{reason}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Parts of one queue have its name in theirs. */
function nameOf(part: string): string {
  const [kind = "", ...rest] = part.split(":");
  const queue = rest.join(":");
  if (kind === "queue") return texts.queue(queue);
  if (kind === "queue_events") return texts.queueEvents(queue);
  return texts.parts[part as keyof typeof texts.parts] ?? part;
}
