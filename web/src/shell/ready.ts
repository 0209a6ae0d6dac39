import { signal } from '@preact/signals';

/** Whether the page still waits for a first span; over for good once one arrived. */
export const waiting = signal<'unknown' | 'over'>('unknown');
