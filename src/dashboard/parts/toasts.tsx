import { signal } from "@preact/signals";
import { TEXTS } from "../texts.ts";
import { Button } from "./button.tsx";
import { Icon } from "./icon.tsx";

type ToastTone = "good" | "bad";

const TOAST_MS = 6000;
const MAX_TOASTS = 3;

const toasts = signal<readonly { id: number; tone: ToastTone; text: string }[]>([]);
let lastId = 0;

/** Says how something ended that was asked for. What failed stays until it is dismissed. */
export function showToast(tone: ToastTone, text: string): void {
  lastId += 1;
  const id = lastId;
  toasts.value = [...toasts.value, { id, tone, text }].slice(-MAX_TOASTS);
  if (tone === "good") setTimeout(() => dismiss(id), TOAST_MS);
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status">
      {toasts.value.map(({ id, tone, text }) => (
        <div class="toast" data-tone={tone} key={id}>
          <Icon name={tone === "good" ? "check" : "warning"} />
          <span>{text}</span>
          <Button kind="quiet" icon="close" label={TEXTS.parts.dismiss} onClick={() => dismiss(id)} />
        </div>
      ))}
    </div>
  );
}
