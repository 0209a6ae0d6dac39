import { signal } from '@preact/signals';

/** Whether a first span has arrived; once true, it stays so. */
export const ready = signal(false);
