import { api } from './api.ts';
import { Palette } from './colors.ts';

const palette = new Palette();
let listed: Promise<void> | undefined;

/**
 * Resolves once the palette knows the server's services. Pages wait for it
 * before they draw, so that a service has one colour on all of them; without an
 * answer they draw with the colours that names alone give.
 */
export function colorsReady(): Promise<void> {
  listed ??= api.services().then(
    (names) => {
      palette.add(names);
      if (names.length === 0) listed = undefined; // nothing sent yet: ask again later
    },
    () => {
      listed = undefined;
    },
  );
  return listed;
}

/** Colour slot of a service. */
export function slotOf(service: string): number {
  return palette.slotOf(service);
}

/** Class that sets --svc to the colour of a service. */
export function colorClass(service: string): string {
  return `svc-${palette.slotOf(service)}`;
}
