import { effect, signal } from "@preact/signals";
import { KeptValue } from "./kept-value.ts";

export type Theme = "system" | "light" | "dark";

export const THEMES: readonly Theme[] = ["system", "light", "dark"];
const kept = new KeptValue("bullcast-theme", () => localStorage);

/** The look asked for; kept in this browser. */
export const theme = signal<Theme>(THEMES.find((name) => name === kept.value) ?? "system");

effect(() => {
  kept.value = theme.value;
  if (theme.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
});
