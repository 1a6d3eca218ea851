import { Icon } from "./icon.tsx";

interface SearchBoxProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
}

/** Narrows what is shown, as one types. */
export function SearchBox({ label, value, onInput }: SearchBoxProps) {
  return (
    <div class="search">
      <Icon name="search" />
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        autocomplete="off"
        spellcheck={false}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </div>
  );
}
