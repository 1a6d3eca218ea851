export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#4f5bd5" />
      <g fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round">
        <path d="M11 21a7 7 0 0 1 0-10M21 11a7 7 0 0 1 0 10" />
      </g>
      <circle cx="16" cy="16" r="2.8" fill="#fff" />
    </svg>
  );
}
