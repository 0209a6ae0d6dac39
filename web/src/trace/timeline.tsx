import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { formatCount, formatDuration } from '../lib/format.ts';
import { slotOf } from '../lib/services.ts';
import { useView } from '../lib/view.ts';
import { handleKey } from './keys.ts';
import { placeOf, ticksOf } from './range.ts';
import { Row } from './row.tsx';
import { Splitter } from './splitter.tsx';
import type { TraceState } from './state.ts';
import { positionOf, windowOf } from './visible.ts';

/** Height of a row and of the head in CSS pixels; styles/trace.css has the same. */
export const rowHeight = 24;
const headHeight = 28;

/**
 * The spans as a treegrid. Only rows on screen are in the document, so the cost
 * does not depend on the length of the trace.
 */
export function Timeline({ state }: { state: TraceState }) {
  const grid = useRef<HTMLDivElement>(null);
  const { view, onScroll } = useView(grid, headHeight);
  const [names, setNames] = useState(36); // share of the name column in percent
  const colors = useMemo(() => state.model.header.services.map(slotOf), [state]);
  const { visible } = state.fold;
  const { first, end } = windowOf({ ...view, rowHeight }, visible.length);

  useEffect(() => {
    const top = Math.floor(view.scrollTop / rowHeight);
    state.onScreen.value = { first: top, end: top + Math.floor(view.height / rowHeight) };
  }, [view]);
  useLayoutEffect(() => reveal(grid.current!, positionOf(state.fold.visible, state.cursor)), [state.wanted]);
  useEffect(() => grid.current!.focus({ preventScroll: true }), [state]);

  const ticks = ticksOf(state.range, 6);
  const cursorShown = visible.subarray(first, end).includes(state.cursor);
  const rows = [];
  for (let position = first; position < end; position++) {
    const row = visible[position]!;
    rows.push(<Row key={row} state={state} row={row} position={position} colors={colors} />);
  }
  return (
    <div
      ref={grid}
      id="timeline"
      class="timeline"
      role="treegrid"
      tabIndex={0}
      aria-label="Spans of the trace"
      aria-rowcount={visible.length + 1}
      aria-activedescendant={cursorShown ? `row-${state.cursor}` : undefined}
      style={{ '--names': `${names}%` }}
      onScroll={onScroll}
      onKeyDown={(event) => handleKey(event, state, Math.floor(view.height / rowHeight) - 1)}
    >
      <div class="head" role="row" aria-rowindex={1}>
        <span role="columnheader">
          <span class="words">
            Service and operation <span class="muted">{formatCount(visible.length)}</span>
          </span>
          <Splitter share={names} onChange={setNames} />
        </span>
        <span role="columnheader" class="took">
          Duration
        </span>
        <span role="columnheader" class="ticks" aria-label="Time">
          {ticks.map((tick) => (
            <span key={tick} class="tick" style={{ left: `${placeOf(state.range, tick, 0)?.left ?? 0}%` }}>
              {formatDuration(tick)}
            </span>
          ))}
        </span>
      </div>
      <div class="rows" role="rowgroup" style={{ height: `${visible.length * rowHeight}px` }}>
        <div class="lines" aria-hidden="true">
          {ticks.map((tick) => (
            <span key={tick} style={{ left: `${placeOf(state.range, tick, 0)?.left ?? 0}%` }} />
          ))}
        </div>
        {rows}
      </div>
    </div>
  );
}

/** Scrolls as little as needed; far jumps land in the middle. */
function reveal(grid: HTMLElement, position: number): void {
  const top = position * rowHeight;
  const height = grid.clientHeight - headHeight;
  const above = grid.scrollTop - top;
  const below = top + rowHeight - (grid.scrollTop + height);
  if (above <= 0 && below <= 0) return;
  if (Math.max(above, below) > 3 * rowHeight) grid.scrollTop = top - height / 2;
  else grid.scrollTop = above > 0 ? top : grid.scrollTop + below;
}
