import type { SearchResult, SpanSearchResult } from '../lib/api.ts';

/** What a search found, with all pages that were loaded: traces or spans. */
export interface Found {
  traces?: SearchResult;
  spans?: SpanSearchResult;
}

/** The last search and where its reader was, for the way back from a trace. */
export interface Memory {
  hash: string;
  found: Found;
  /** Where the link led that was followed last. */
  followed: string;
  scrollTop: number;
}

let last: Memory | undefined;

export function remember(memory: Memory): void {
  last = memory;
}

/** Makes the next search ask anew: for those who come to see what is new. */
export function forget(): void {
  last = undefined;
}

/** The memory of this very search. */
export function recall(hash: string): Memory | undefined {
  return last?.hash === hash ? last : undefined;
}

/** Where "back to search" leads. */
export function lastSearch(): string {
  return last?.hash ?? '#/search';
}
