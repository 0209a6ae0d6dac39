/** How many service colours styles/tokens.css declares as --svc-0 … . */
export const colorSlots = 16;

/**
 * Gives services colour slots. The wish is a hash of the name, so that a service
 * keeps its colour from day to day; a service whose wish is taken gets the next
 * free slot, until all are used. Services are told apart while there are no more
 * than slots.
 */
export class Palette {
  readonly #slots = new Map<string, number>();
  readonly #taken = new Uint8Array(colorSlots);

  /** Registers names in their order; the same list gives the same colours. */
  add(names: readonly string[]): void {
    for (const name of names) this.slotOf(name);
  }

  /** The slot of a service, registering it when it is new. */
  slotOf(name: string): number {
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    let slot = hash(name) % colorSlots;
    if (this.#slots.size < colorSlots) {
      while (this.#taken[slot]) slot = (slot + 1) % colorSlots;
      this.#taken[slot] = 1;
    }
    this.#slots.set(name, slot);
    return slot;
  }
}

/** FNV-1a over UTF-16 code units: short, stable, and good enough to spread names. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  }
  return (h ^ (h >>> 15)) >>> 0;
}
