import { useState } from "preact/hooks";
import { TEXTS } from "../texts.ts";
import { Button } from "./button.tsx";
import { showToast } from "./toasts.tsx";

const SHOWN_MS = 2000;

interface CopyButtonProps {
  /** A function is asked when it is pressed. */
  text: string | (() => string);
  /** Shown; without it the button is an icon that says `hint`. */
  label?: string;
  /** What is copied, for who cannot see where it stands. */
  hint?: string;
}

/** Puts a text on the clipboard. */
export function CopyButton({ text, label, hint = TEXTS.parts.copy }: CopyButtonProps) {
  const [isCopied, setIsCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
      setIsCopied(true);
      setTimeout(() => setIsCopied(false), SHOWN_MS);
    } catch {
      // Browsers allow it on https and localhost only.
      showToast("bad", TEXTS.parts.copyFailed);
    }
  };
  const icon = isCopied ? "check" : "copy";
  if (label === undefined)
    return <Button kind="quiet" icon={icon} label={isCopied ? TEXTS.parts.copied : hint} onClick={copy} />;
  return (
    <Button icon={icon} onClick={copy}>
      {isCopied ? TEXTS.parts.copied : label}
    </Button>
  );
}
