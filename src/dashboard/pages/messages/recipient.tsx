import { useId } from "preact/hooks";
import { formatCount } from "../../format.ts";
import { TEXTS } from "../../texts.ts";
import { clientFeed } from "../clients/client-feed.ts";

/** Ids that are offered: a list of thousands helps nobody. */
const MAX_OFFERED = 200;

const texts = TEXTS.messages.form;

interface RecipientProps {
  /** The id of a client; null for everybody. */
  to: string | null;
  onChange: (to: string | null) => void;
  complaint: string | null;
}

/** Who is to get the message: everybody, or one client. */
export function Recipient({ to, onChange, complaint }: RecipientProps) {
  const id = useId();
  const clients = clientFeed.clients.value;
  const isComplete = clientFeed.isComplete.value;
  const isGone = to !== null && to !== "" && isComplete && !clients.some((client) => client.client_id === to);
  const problem = complaint ?? (isGone ? texts.toGone : null);
  return (
    <fieldset class="plain field">
      <legend>{texts.to}</legend>
      <div class="choices">
        <label class="choice">
          <input type="radio" name={id} checked={to === null} onChange={() => onChange(null)} />
          {isComplete ? texts.toAllOf(formatCount(clients.length)) : texts.toAll}
        </label>
        <label class="choice">
          <input type="radio" name={id} checked={to !== null} onChange={() => onChange("")} />
          {texts.toOne}
        </label>
      </div>
      {to !== null && (
        <>
          <input
            class="input mono"
            aria-label={texts.clientId}
            placeholder={texts.clientId}
            list={`${id}-ids`}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            value={to}
            aria-invalid={problem !== null}
            aria-describedby={`${id}-hint`}
            onInput={(event) => onChange(event.currentTarget.value)}
          />
          <datalist id={`${id}-ids`}>
            {clients.slice(0, MAX_OFFERED).map(({ client_id: offered, principal }) => (
              <option key={offered} value={offered}>
                {principal}
              </option>
            ))}
          </datalist>
          <p id={`${id}-hint`} class={problem === null ? "hint" : "hint complaint"}>
            {problem ?? texts.toHint}
          </p>
        </>
      )}
    </fieldset>
  );
}
