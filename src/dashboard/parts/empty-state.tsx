import type { ComponentChildren } from "preact";
import type { IconName } from "./icon.tsx";
import { Icon } from "./icon.tsx";

interface EmptyStateProps {
  icon: IconName;
  title: string;
  /** What is so, and what to do about it. */
  text?: string;
  /** Code to copy, buttons. */
  children?: ComponentChildren;
}

/** Stands where something would be, and says why it is not. */
export function EmptyState({ icon, title, text, children }: EmptyStateProps) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} />
      </span>
      <p class="empty-title">{title}</p>
      {text !== undefined && <p class="empty-text">{text}</p>}
      {children}
    </div>
  );
}
