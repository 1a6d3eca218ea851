import { TEXTS } from "../texts.ts";

/** Stands where something will be, as tall as so many lines of it. */
export function Loading({ lines = 3 }: { lines?: number }) {
  return (
    <div class="loading" role="status">
      <span class="visually-hidden">{TEXTS.parts.loading}</span>
      {Array.from({ length: lines }, (_, index) => (
        <span class="loading-line" key={index} />
      ))}
    </div>
  );
}
