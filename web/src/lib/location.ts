import { computed, signal } from '@preact/signals';
import { parseRoute, type Route } from './route.ts';

const hash = signal(window.location.hash);
window.addEventListener('hashchange', () => {
  hash.value = window.location.hash;
});

/** The current route; follows the address bar. */
export const route = computed<Route>(() => parseRoute(hash.value));

/** Goes to a hash and leaves the current one in the history. */
export function go(to: string): void {
  window.location.hash = to;
}

/** Rewrites the current hash in place: for state that is not worth a history entry. */
export function replace(to: string): void {
  window.history.replaceState(null, '', to);
  hash.value = to;
}
