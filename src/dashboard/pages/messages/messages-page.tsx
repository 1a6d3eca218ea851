import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Banner } from "../../parts/banner.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { query, setQuery } from "../../router.ts";
import { session } from "../../session.ts";
import { TEXTS } from "../../texts.ts";
import { clientFeed } from "../clients/client-feed.ts";
import type { MessageDraft } from "./message-draft.ts";
import { MessageForm } from "./message-form.tsx";
import type { SentMessage } from "./sent-messages.tsx";
import { SentMessages } from "./sent-messages.tsx";

/** Messages of which the tab remembers that they were sent. */
const MAX_SENT = 50;

// Both outlive a look at another page.
const draft = signal<MessageDraft>({ to: null, type: "", content: "{\n  \n}" });
const sent = signal<readonly SentMessage[]>([]);

/** Sends messages of the application's own to those who are connected. */
export function MessagesPage() {
  // Only who is connected can be sent something: the form offers them.
  useEffect(() => clientFeed.use(), []);
  const to = query.value.get("client");
  useEffect(() => {
    // One may have typed on since.
    const newest = query.peek().get("client");
    // An id that is being chosen and still empty is not in the address.
    if (newest !== null || draft.peek().to !== "") draft.value = { ...draft.peek(), to: newest };
  }, [to]);
  const change = (changed: MessageDraft) => {
    if (changed.to !== draft.peek().to) setQuery({ client: changed.to });
    draft.value = changed;
  };
  const add = (message: SentMessage) => {
    sent.value = [message, ...sent.peek()].slice(0, MAX_SENT);
  };
  return (
    <>
      <PageHead title={TEXTS.messages.title} />
      {session.isReadOnly && <Banner tone="info">{TEXTS.messages.readOnly}</Banner>}
      <div class="message-columns">
        <MessageForm draft={draft.value} onDraft={change} onSent={add} />
        <SentMessages sent={sent.value} />
      </div>
    </>
  );
}
