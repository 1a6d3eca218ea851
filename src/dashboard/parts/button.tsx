import type { ComponentChildren, Ref } from "preact";
import type { IconName } from "./icon.tsx";
import { Icon } from "./icon.tsx";

interface ButtonProps {
  /** `primary` is what the view is for, one at most; `danger` cannot be undone; `quiet` has no frame. */
  kind?: "normal" | "primary" | "danger" | "quiet";
  type?: "button" | "submit";
  icon?: IconName;
  /** For a button that shows only its icon: said instead of it. */
  label?: string;
  title?: string | undefined;
  disabled?: boolean;
  pressed?: boolean;
  onClick?: (event: MouseEvent) => void;
  buttonRef?: Ref<HTMLButtonElement>;
  children?: ComponentChildren;
}

export function Button(props: ButtonProps) {
  const { kind = "normal", type = "button", icon, label, title = label, disabled = false, pressed, onClick } = props;
  return (
    <button
      ref={props.buttonRef ?? null}
      class={`button ${kind}${props.children === undefined ? " only-icon" : ""}`}
      type={type}
      disabled={disabled}
      {...(label !== undefined && { "aria-label": label })}
      {...(title !== undefined && { title })}
      {...(pressed !== undefined && { "aria-pressed": pressed })}
      {...(onClick && { onClick })}
    >
      {icon && <Icon name={icon} />}
      {props.children}
    </button>
  );
}
