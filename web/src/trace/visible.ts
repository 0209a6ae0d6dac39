import { hasChildren, none, type TraceModel } from './model.ts';

/** Which rows are collapsed, one byte per row, and the rows that remain visible, ascending. */
export interface Fold {
  readonly collapsed: Uint8Array;
  readonly visible: Int32Array;
}

export function unfolded(model: TraceModel): Fold {
  return fold(model, new Uint8Array(model.rows));
}

/** Collapses every row with children below the given depth; 0 leaves the roots. */
export function foldToDepth(model: TraceModel, depth: number): Fold {
  const collapsed = new Uint8Array(model.rows);
  for (let row = 0; row < model.rows; row++) {
    if (model.depth[row]! >= depth && hasChildren(model, row)) collapsed[row] = 1;
  }
  return fold(model, collapsed);
}

/** Collapses or expands one row. */
export function toggled(model: TraceModel, was: Fold, row: number, collapse: boolean): Fold {
  const collapsed = was.collapsed.slice();
  collapsed[row] = collapse ? 1 : 0;
  return fold(model, collapsed);
}

/** Expands the ancestors of a row; returns the same fold when it is visible already. */
export function revealed(model: TraceModel, was: Fold, row: number): Fold {
  let collapsed: Uint8Array | null = null;
  for (let at = model.parent[row]!; at !== none; at = model.parent[at]!) {
    if (!was.collapsed[at]) continue;
    collapsed ??= was.collapsed.slice();
    collapsed[at] = 0;
  }
  return collapsed ? fold(model, collapsed) : was;
}

function fold(model: TraceModel, collapsed: Uint8Array): Fold {
  const visible = new Int32Array(model.rows);
  let count = 0;
  for (let row = 0; row < model.rows; row = collapsed[row] ? model.subtreeEnd[row]! : row + 1) {
    visible[count++] = row;
  }
  return { collapsed, visible: visible.subarray(0, count) };
}

/** Position of a row among the visible ones, or of the visible row before it. */
export function positionOf(visible: Int32Array, row: number): number {
  let low = 0;
  let high = visible.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (visible[middle]! <= row) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** The run of positions [first, end) to put into the document for a scroll offset. */
export function windowOf(
  view: { scrollTop: number; height: number; rowHeight: number },
  count: number,
): { first: number; end: number } {
  const margin = 8; // rows beyond each edge, so that quick scrolling shows no gaps
  const first = Math.floor(view.scrollTop / view.rowHeight) - margin;
  const end = Math.ceil((view.scrollTop + view.height) / view.rowHeight) + margin;
  return { first: Math.max(0, Math.min(first, count)), end: Math.max(0, Math.min(end, count)) };
}
