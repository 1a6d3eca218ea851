import { formatClock } from "../../format.ts";
import { Badge } from "../../parts/badge.tsx";
import { Card } from "../../parts/card.tsx";
import { EmptyState } from "../../parts/empty-state.tsx";
import { TEXTS } from "../../texts.ts";

/** One message that was sent from this page. */
export interface SentMessage {
  at: number;
  type: string;
  /** The client; null for everybody. */
  to: string | null;
  content: string;
  /** How many connections took it. */
  reached: number;
}

/** What was sent from this page, the newest first. */
export function SentMessages({ sent }: { sent: readonly SentMessage[] }) {
  const texts = TEXTS.messages.sent;
  return (
    <Card title={texts.title} isFlush>
      {sent.length === 0 ? (
        <EmptyState icon="send" title={texts.none} text={texts.noneHint} />
      ) : (
        <ol class="sent">
          {sent.map((message) => (
            <li key={`${message.at} ${message.type}`}>
              <div class="sent-head">
                <span class="mono truncate">{message.type}</span>
                <Badge tone={message.reached > 0 ? "good" : "warn"}>{texts.reached(message.reached)}</Badge>
              </div>
              <div class="sent-facts">
                <span class="truncate">{message.to === null ? texts.toAll : texts.toOne(message.to)}</span>
                <time dateTime={new Date(message.at).toISOString()}>{formatClock(message.at)}</time>
              </div>
              <code class="sent-content truncate">{message.content}</code>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}
