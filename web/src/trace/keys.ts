import { hasChildren, none } from './model.ts';
import type { TraceState } from './state.ts';

/** Keys of the timeline, as treegrids have them, plus letters for zoom and find. */
export function handleKey(event: KeyboardEvent, state: TraceState, page: number): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action(state, page);
}

type Action = (state: TraceState, page: number) => void;

const actions: Readonly<Record<string, Action>> = {
  ArrowDown: (state) => state.step(1),
  j: (state) => state.step(1),
  ArrowUp: (state) => state.step(-1),
  k: (state) => state.step(-1),
  PageDown: (state, page) => state.step(page),
  PageUp: (state, page) => state.step(-page),
  Home: (state) => state.step(-Infinity),
  End: (state) => state.step(Infinity),
  ArrowRight: expandOrChild,
  ArrowLeft: collapseOrParent,
  Enter: (state) => state.open(state.cursor),
  ' ': (state) => state.open(state.cursor),
  Escape: (state) => state.close(),
  n: (state) => state.nextMatch(1),
  N: (state) => state.nextMatch(-1),
  e: (state) => state.nextError(),
  c: (state) => state.toggleCritical(),
  '+': (state) => state.zoom(0.5),
  '=': (state) => state.zoom(0.5),
  '-': (state) => state.zoom(2),
  '0': (state) => state.showAll(),
  f: (state) => state.zoomToCursor(),
};

function expandOrChild(state: TraceState): void {
  const row = state.cursor;
  if (state.isCollapsed(row)) state.setCollapsed(row, false);
  else if (hasChildren(state.model, row)) state.goTo(row + 1);
}

function collapseOrParent(state: TraceState): void {
  const row = state.cursor;
  const parent = state.model.parent[row]!;
  if (hasChildren(state.model, row) && !state.isCollapsed(row)) state.setCollapsed(row, true);
  else if (parent !== none) state.goTo(parent);
}
