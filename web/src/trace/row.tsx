import { formatCount, formatDuration } from '../lib/format.ts';
import { icons } from '../shell/icons.tsx';
import { segmentsOf } from './critical.ts';
import { flag, hasChildren, nameOf, none, serviceOf, type TraceModel } from './model.ts';
import { placeOf } from './range.ts';
import type { TraceState } from './state.ts';
import { rowHeight } from './timeline.tsx';

interface Props {
  state: TraceState;
  row: number;
  position: number;
  /** Colour slot by service index. */
  colors: readonly number[];
}

/** Lines of the critical path nearer than this part of the width are drawn as one. */
const finest = 300;
const faintest = 0.12;

/** Indentation stops growing here: a chain of thousands of calls stays readable. */
const deepestIndent = 24;

/** One span: its place in the tree, and its bar. */
export function Row({ state, row, position, colors }: Props) {
  const { model } = state;
  const branch = hasChildren(model, row);
  const collapsed = state.isCollapsed(row);
  const depth = model.depth[row]!;
  const slot = colors[model.service[row]!]!;
  return (
    <div
      id={`row-${row}`}
      class={classOf(state, row)}
      role="row"
      aria-rowindex={position + 2}
      aria-level={depth + 1}
      aria-expanded={branch ? !collapsed : undefined}
      aria-selected={state.cursor === row}
      style={{ top: `${position * rowHeight}px` }}
      onClick={() => state.open(row)}
    >
      <span role="gridcell" class={`name svc-${slot}`} style={{ '--depth': Math.min(depth, deepestIndent) }}>
        <span
          class={branch ? (collapsed ? 'toggle' : 'toggle open') : 'toggle leaf'}
          aria-hidden="true"
          onClick={(event) => {
            if (!branch) return;
            event.stopPropagation();
            state.setCollapsed(row, !collapsed);
          }}
        >
          {branch && icons.chevron}
        </span>
        <span class="stripe" aria-hidden="true" />
        <Label model={model} row={row} />
        {collapsed && <span class="hidden-count">{formatCount(model.subtreeEnd[row]! - row - 1)}</span>}
      </span>
      <span role="gridcell" class="took">
        {formatDuration(model.duration[row]!)}
      </span>
      <span role="gridcell" class={`bars svc-${slot}`}>
        <Bar state={state} row={row} />
      </span>
    </div>
  );
}

/** Service and operation; the service is loud where it differs from the parent's. */
function Label({ model, row }: { model: TraceModel; row: number }) {
  const parent = model.parent[row]!;
  const flags = model.flags[row]!;
  const changed = parent === none || model.service[parent] !== model.service[row];
  const service = serviceOf(model, row) || '(no service)';
  const name = nameOf(model, row) || '(no name)';
  return (
    <span class="label" title={`${service}: ${name}`}>
      <span class={changed ? 'service' : 'service hidden'}>{service} </span>
      {(flags & flag.error) !== 0 && (
        <span class="failed" role="img" aria-label="error">
          {icons.error}
        </span>
      )}
      {name}
      {(flags & flag.orphan) !== 0 && <span class="badge">parent missing</span>}
      {(flags & flag.cycle) !== 0 && <span class="badge">circle cut</span>}
      {(flags & flag.skewed) !== 0 && <span class="badge">clock skew</span>}
    </span>
  );
}

function Bar({ state, row }: { state: TraceState; row: number }) {
  const { model, range } = state;
  const place = placeOf(range, model.start[row]!, model.duration[row]!);
  if (place) {
    return (
      <>
        <span class="bar" style={{ left: `${place.left}%`, width: `${place.width}%` }} />
        {state.critical && <Critical state={state} row={row} />}
      </>
    );
  }
  const before = model.start[row]! < range.start;
  return <span class={before ? 'outside before' : 'outside after'}>{before ? '‹' : '›'}</span>;
}

/** The row's part of the critical path, as lines under its bar; the fainter, the less of it is. */
function Critical({ state, row }: { state: TraceState; row: number }) {
  const { range } = state;
  const segments = segmentsOf(state.path.value, row, range, (range.end - range.start) / finest);
  return (
    <>
      {segments.map(({ start, end, critical }) => {
        const place = placeOf(range, start, end - start);
        const opacity = Math.max(faintest, critical / (end - start));
        return place && <span key={start} class="critical" style={{ left: `${place.left}%`, width: `${place.width}%`, opacity }} />;
      })}
    </>
  );
}

function classOf(state: TraceState, row: number): string {
  const { model } = state;
  const words = ['row'];
  if (state.cursor === row) words.push('current');
  if ((model.flags[row]! & flag.error) !== 0) words.push('error');
  if (state.query !== '' && state.matchSet.value.has(row)) words.push('match');
  if (state.service !== none && model.service[row] !== state.service) words.push('dim');
  return words.join(' ');
}
