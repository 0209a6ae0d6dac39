import type { ComponentChildren } from 'preact';

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

/** Three trunks, one root. */
export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" fill="none" stroke-linecap="round" stroke-width="3" aria-hidden="true">
      <path class="trunks" d="M8 19V9M16 19V4.500M24 19v-7" />
      <path class="root" d="M8 19c0 5 3.5 7 8 7s8-2 8-7M16 19v8.5" />
    </svg>
  );
}

export const icons = {
  auto: (
    <Icon>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M8 2.500v11" />
      <path d="M8 2.500a5.5 5.5 0 0 1 0 11z" fill="currentColor" />
    </Icon>
  ),
  light: (
    <Icon>
      <circle cx="8" cy="8" r="3" />
      <path d="M8 1v1.200M8 13.800V15M1 8h1.200M13.8 8H15M3 3l.9.9M12.1 12.100l.9.9M3 13l.9-.9M12.1 3.900l.9-.9" />
    </Icon>
  ),
  dark: (
    <Icon>
      <path d="M13.5 9.500A6 6 0 0 1 6.5 2.500a6 6 0 1 0 7 7z" />
    </Icon>
  ),
  copy: (
    <Icon>
      <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />
      <path d="M3.5 10.500A1 1 0 0 1 2.5 9.500v-6a1 1 0 0 1 1-1h6a1 1 0 0 1 1 1" />
    </Icon>
  ),
  check: (
    <Icon>
      <path d="M3 8.500l3.5 3.500L13 4.5" />
    </Icon>
  ),
  chevron: (
    <Icon>
      <path d="M6 4l4 4-4 4" />
    </Icon>
  ),
  up: (
    <Icon>
      <path d="M4 10l4-4 4 4" />
    </Icon>
  ),
  down: (
    <Icon>
      <path d="M4 6l4 4 4-4" />
    </Icon>
  ),
  close: (
    <Icon>
      <path d="M4 4l8 8M12 4l-8 8" />
    </Icon>
  ),
  search: (
    <Icon>
      <circle cx="7" cy="7" r="4.5" />
      <path d="M10.5 10.500L14 14" />
    </Icon>
  ),
  error: (
    <Icon>
      <circle cx="8" cy="8" r="6" />
      <path d="M8 5v3.500M8 11v.01" />
    </Icon>
  ),
  filter: (
    <Icon>
      <path d="M2.5 3.500h11L9.5 8.500v4l-3-1.500v-2.500z" />
    </Icon>
  ),
  back: (
    <Icon>
      <path d="M10 3.500L5.5 8l4.5 4.5" />
    </Icon>
  ),
} as const;
