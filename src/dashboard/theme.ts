import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

export const THEMES: readonly Theme[] = ["system", "light", "dark"];
const THEME_KEY = "bullcast-theme";

/** The look asked for; kept in this browser. */
export const theme = signal<Theme>(THEMES.find((name) => name === localStorage.getItem(THEME_KEY)) ?? "system");

effect(() => {
  localStorage.setItem(THEME_KEY, theme.value);
  if (theme.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
});
