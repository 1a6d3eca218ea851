import type { ComponentChildren } from "preact";
import type { IconName } from "./icon.tsx";
import { Icon } from "./icon.tsx";

interface EmptyStateProps {
  icon: IconName;
  title: string;
  /** What is so, and what to do about it. */
  text?: string;
  /** Whether it is all there is on the page, and so its heading. */
  isPage?: boolean;
  /** Code to copy, buttons. */
  children?: ComponentChildren;
}

/** Stands where something would be, and says why it is not. */
export function EmptyState({ icon, title, text, isPage = false, children }: EmptyStateProps) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} />
      </span>
      {isPage ? <h1 class="empty-title">{title}</h1> : <p class="empty-title">{title}</p>}
      {text !== undefined && <p class="empty-text">{text}</p>}
      {children}
    </div>
  );
}
