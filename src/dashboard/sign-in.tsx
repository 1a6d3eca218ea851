import { useState } from "preact/hooks";
import { Button } from "./parts/button.tsx";
import { Logo } from "./parts/logo.tsx";
import { session } from "./session.ts";
import { TEXTS } from "./texts.ts";

const { login } = TEXTS.session;

/** Asks for the admin token. */
export function SignIn({ isRefused }: { isRefused: boolean }) {
  const [token, setToken] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const [isEmpty, setIsEmpty] = useState(false);
  const complaint = isEmpty ? login.empty : isRefused && !isBusy ? login.refused : null;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const given = token.trim();
    setIsEmpty(given === "");
    if (given === "") return;
    setIsBusy(true);
    await session.signIn(given);
    setIsBusy(false);
  };
  return (
    <main class="alone">
      <form class="sign-in" onSubmit={submit}>
        <Logo />
        <h1>{login.title}</h1>
        <p class="muted">{login.text}</p>
        <label for="token">{login.label}</label>
        <input
          id="token"
          class="input"
          type="password"
          name="token"
          autocomplete="current-password"
          spellcheck={false}
          autofocus
          value={token}
          aria-describedby="token-hint"
          aria-invalid={complaint !== null}
          onInput={(event) => {
            setToken(event.currentTarget.value);
            setIsEmpty(false);
          }}
        />
        <p id="token-hint" class={complaint === null ? "hint" : "hint complaint"} role="status">
          {complaint ?? login.kept}
        </p>
        <Button kind="primary" type="submit" disabled={isBusy}>
          {isBusy ? login.submitting : login.submit}
        </Button>
      </form>
    </main>
  );
}
