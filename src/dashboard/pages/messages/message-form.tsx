import { useId, useState } from "preact/hooks";
import { formatBytes } from "../../format.ts";
import { Banner } from "../../parts/banner.tsx";
import { Button } from "../../parts/button.tsx";
import { Card } from "../../parts/card.tsx";
import { RequestError } from "../../request-error.ts";
import { session } from "../../session.ts";
import { TEXTS } from "../../texts.ts";
import type { MessageDraft } from "./message-draft.ts";
import { readDraft } from "./message-draft.ts";
import { Recipient } from "./recipient.tsx";
import type { SentMessage } from "./sent-messages.tsx";

const texts = TEXTS.messages.form;

interface MessageFormProps {
  draft: MessageDraft;
  onDraft: (draft: MessageDraft) => void;
  onSent: (message: SentMessage) => void;
}

/** Writes one message and sends it. What is wrong is said as one types; what is missing, when one wants to send. */
export function MessageForm({ draft, onDraft, onSent }: MessageFormProps) {
  const [isTried, setIsTried] = useState(false);
  const [isBusy, setIsBusy] = useState(false);
  const [failure, setFailure] = useState<RequestError | null>(null);
  const { content, complaints } = readDraft(draft, isTried);
  const send = async () => {
    setIsTried(true);
    const { to, type, content: text } = draft;
    const isReady = Object.values(readDraft(draft, true).complaints).every((complaint) => complaint === null);
    if (!content.isJson || !isReady || isBusy || session.isReadOnly) return;
    setIsBusy(true);
    setFailure(null);
    try {
      const body = { type, content: content.value, ...(to !== null && { client_id: to }) };
      const { reached } = await session.request<{ reached: number }>("/send-message", { method: "POST", body });
      onSent({ at: Date.now(), type, to, content: text, reached });
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      setFailure(error);
    } finally {
      setIsBusy(false);
    }
  };
  return (
    <Card title={texts.title} isFlush>
      <form
        class="message-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          void send();
        }}
      >
        <fieldset class="plain" disabled={session.isReadOnly}>
          <Recipient to={draft.to} onChange={(to) => onDraft({ ...draft, to })} complaint={complaints.to} />
          <TypeField draft={draft} onDraft={onDraft} complaint={complaints.type} />
          <ContentField draft={draft} onDraft={onDraft} complaint={complaints.content} isJson={content.isJson} />
        </fieldset>
        {failure && (
          <Banner tone="bad">
            <span>{[failure.message, ...failure.issues.map(texts.issue)].join(" · ")}</span>
          </Banner>
        )}
        <div class="message-actions">
          <Button kind="primary" type="submit" icon="send" disabled={isBusy || session.isReadOnly}>
            {draft.to === null ? texts.sendToAll : texts.sendToOne}
          </Button>
          <span class="hint">{texts.shortcut}</span>
        </div>
      </form>
    </Card>
  );
}

interface FieldProps {
  draft: MessageDraft;
  onDraft: (draft: MessageDraft) => void;
  complaint: string | null;
}

function TypeField({ draft, onDraft, complaint }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{texts.type}</label>
      <input
        id={id}
        class="input mono"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        placeholder={texts.typeExample}
        value={draft.type}
        aria-invalid={complaint !== null}
        aria-describedby={`${id}-hint`}
        onInput={(event) => onDraft({ ...draft, type: event.currentTarget.value })}
      />
      <p id={`${id}-hint`} class={complaint === null ? "hint" : "hint complaint"}>
        {complaint ?? texts.typeHint}
      </p>
    </div>
  );
}

function ContentField({ draft, onDraft, complaint, isJson }: FieldProps & { isJson: boolean }) {
  const id = useId();
  const { content } = draft;
  const format = () => onDraft({ ...draft, content: JSON.stringify(JSON.parse(content), null, 2) });
  const size = () => texts.contentIsJson(formatBytes(new Blob([content]).size));
  return (
    <div class="field">
      <div class="field-head">
        <label for={id}>{texts.content}</label>
        <Button kind="quiet" disabled={!isJson} onClick={format}>
          {texts.format}
        </Button>
      </div>
      <textarea
        id={id}
        class="input mono"
        rows={8}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        value={content}
        aria-invalid={complaint !== null}
        aria-describedby={`${id}-hint`}
        onInput={(event) => onDraft({ ...draft, content: event.currentTarget.value })}
      />
      <p id={`${id}-hint`} class={complaint === null ? "hint" : "hint complaint"}>
        {complaint ?? (isJson ? size() : texts.contentHint)}
      </p>
    </div>
  );
}
