/** How far something is, from 0 to 100; what is said beside it says it too. */
export function ProgressBar({ percent, label }: { percent: number; label: string }) {
  const value = Math.min(100, Math.max(0, percent));
  return (
    <span
      class="progress"
      role="progressbar"
      aria-label={label}
      aria-valuenow={value}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <span class="progress-fill" style={{ transform: `scaleX(${value / 100})` }} />
    </span>
  );
}
