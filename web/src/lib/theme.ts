import { effect, signal } from '@preact/signals';

export type Theme = 'auto' | 'light' | 'dark';

const storageKey = 'pando.theme';
const order: readonly Theme[] = ['auto', 'light', 'dark'];

function stored(): Theme {
  const value = readStorage();
  return order.find((theme) => theme === value) ?? 'auto';
}

/** The chosen theme; auto follows the system. Kept in the browser's storage. */
export const theme = signal<Theme>(stored());

const systemDark = window.matchMedia('(prefers-color-scheme: dark)');

/** Grows by one whenever resolved colours change: what canvas drawings depend on. */
export const themeEpoch = signal(0);

systemDark.addEventListener('change', () => themeEpoch.value++);

effect(() => {
  document.documentElement.dataset['theme'] = theme.value;
  themeEpoch.value = themeEpoch.peek() + 1;
});

/** Steps auto → light → dark → auto. */
export function nextTheme(): void {
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length]!;
  try {
    window.localStorage.setItem(storageKey, theme.value);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

function readStorage(): string | null {
  try {
    return window.localStorage.getItem(storageKey);
  } catch {
    return null;
  }
}
