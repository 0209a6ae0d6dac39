import { useLayoutEffect } from 'preact/hooks';
import { formatRoute, parseRoute } from '../lib/route.ts';
import { remember, type Found, type Memory } from './memory.ts';
import { writeState, type SearchState } from './state.ts';

export const hashOf = (state: SearchState): string => formatRoute(['search'], writeState(state));

/** Remembers the search for the way back from a trace, and on that way restores the place. */
export function useWayBack(state: SearchState, found: Found, memory: Memory | undefined): void {
  useLayoutEffect(() => {
    if (memory?.hash !== hashOf(state)) return;
    const main = document.getElementById('main')!;
    main.scrollTop = memory.scrollTop;
    main.querySelector<HTMLElement>(`a[href="${CSS.escape(memory.followed)}"]`)?.focus({ preventScroll: true });
  }, []);
  // The cleanup runs when the page makes room for a trace: the list is still there.
  useLayoutEffect(
    () => () => {
      const { hash } = window.location;
      if (parseRoute(hash).path[0] !== 'trace') return;
      remember({ hash: hashOf(state), found, followed: hash, scrollTop: document.getElementById('main')!.scrollTop });
    },
    [state, found.traces, found.spans],
  );
}
