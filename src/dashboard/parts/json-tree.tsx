import { useState } from "preact/hooks";
import { TEXTS } from "../texts.ts";

/** Entries of one level that are drawn before more is asked for. */
const PAGE_SIZE = 100;

interface JsonTreeProps {
  value: unknown;
  /** Levels that are open at first. Default 1. */
  openLevels?: number;
}

/** A JSON value whose objects and lists open and close; what is closed is not drawn. */
export function JsonTree({ value, openLevels = 1 }: JsonTreeProps) {
  return (
    <div class="json">
      <Node name={null} value={value} openLevels={openLevels} />
    </div>
  );
}

function Node({ name, value, openLevels }: { name: string | null; value: unknown; openLevels: number }) {
  const [isOpen, setIsOpen] = useState(openLevels > 0);
  const [limit, setLimit] = useState(PAGE_SIZE);
  const key = name === null ? null : <span class="json-key">{name}: </span>;
  if (typeof value !== "object" || value === null) {
    return (
      <div class="json-line">
        {key}
        <span class={`json-${value === null ? "null" : typeof value}`}>{JSON.stringify(value) ?? "undefined"}</span>
      </div>
    );
  }
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  const [opening, closing] = isList ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) {
    return (
      <div class="json-line">
        {key}
        {opening + closing}
      </div>
    );
  }
  return (
    <details class="json-branch" open={isOpen} onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>
        {key}
        {isOpen ? opening : `${opening} ${entries.length} ${closing}`}
      </summary>
      {isOpen && (
        <>
          <div class="json-children">
            {entries.slice(0, limit).map(([entry, child]) => (
              <Node key={entry} name={entry} value={child} openLevels={openLevels - 1} />
            ))}
            {entries.length > limit && (
              <button class="json-more" type="button" onClick={() => setLimit(limit + PAGE_SIZE)}>
                {TEXTS.parts.jsonMore(entries.length - limit)}
              </button>
            )}
          </div>
          {closing}
        </>
      )}
    </details>
  );
}
