/** Drawn on 16 by 16 with lines of 1.5, in the colour of the text around. */
const PATHS = {
  overview: "M2.5 13.5v-5M6.200 13.5v-9M9.800 13.5v-6M13.5 13.5v-11",
  jobs: "M2.5 4h11M2.5 8h11M2.5 12h7",
  clients: "M8 7.5a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM3 13.500c.4-2.600 2.400-4 5-4s4.600 1.400 5 4",
  messages: "M2.500 3.500h11v8h-6l-3 2.500v-2.500h-2z",
  system: "M2.500 3h11v7.500h-11zM5.500 13.500h5M8 10.500v3",
  light:
    "M8 10.800a2.800 2.800 0 1 0 0-5.600 2.800 2.800 0 0 0 0 5.600ZM8 1.500v1.200M8 13.300v1.200M1.500 8h1.200M13.300 8h1.200M3.400 3.400l.85.85M11.750 11.750l.85.85M12.600 3.400l-.85.85M4.250 11.750l-.85.85",
  dark: "M13.500 9.500A5.800 5.800 0 0 1 6.500 2.500a5.800 5.800 0 1 0 7 7Z",
  signOut: "M6.500 2.500h-4v11h4M10 5l3 3-3 3M13 8H6",
  search: "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9ZM13.500 13.500l-3.300-3.300",
  close: "M3.500 3.500l9 9M12.500 3.500l-9 9",
  copy: "M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3",
  check: "M3 8.500l3.200 3.200L13 4.500",
  chevron: "M6 3.500L10.500 8 6 12.500",
  up: "M4 10l4-4 4 4",
  down: "M4 6l4 4 4-4",
  warning: "M8 2.200l6.300 11.300H1.700zM8 6.500v3.200M8 11.600v.1",
  info: "M8 14a6 6 0 1 0 0-12 6 6 0 0 0 0 12ZM8 7.300v3.700M8 5v.1",
  download: "M8 2.500v7.500M4.800 7L8 10.200 11.200 7M2.500 13.500h11",
  pause: "M5.500 3v10M10.500 3v10",
  play: "M4.500 3l8 5-8 5z",
  link: "M6.800 9.200a2.600 2.600 0 0 0 3.700 0l2.200-2.200a2.600 2.600 0 0 0-3.700-3.700l-.8.8M9.200 6.800a2.600 2.600 0 0 0-3.700 0L3.300 9a2.600 2.600 0 0 0 3.700 3.700l.8-.8",
  parent: "M8 13.500v-9M4.500 8L8 4.500 11.500 8M4 2h8",
  send: "M2.500 8l11-5.500-4 11-2-4.500zM7.500 9l6-6.500",
  plug: "M5.500 2.500v3M10.500 2.500v3M3.500 5.500h9v2a4.500 4.500 0 0 1-9 0zM8 12v2",
} as const;

export type IconName = keyof typeof PATHS;

/** A picture beside a text that says the same; where there is no text, the element around has a label. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
