import { useMemo, useState } from 'preact/hooks';
import { formatCount, formatDuration, percent, plural } from '../lib/format.ts';
import { colorClass } from '../lib/services.ts';
import { icons } from '../shell/icons.tsx';
import { operationStats, type OperationStats } from './aggregate.ts';
import { criticalTime } from './critical.ts';
import type { TraceState } from './state.ts';

/** Rows in the document at most; the sort decides which. */
const mostRows = 400;

const columns: readonly (readonly [label: string, value: (stats: OperationStats) => number])[] = [
  ['Spans', (s) => s.count],
  ['Errors', (s) => s.errors],
  ['Self time', (s) => s.self],
  ['Critical', (s) => s.critical],
  ['Total', (s) => s.total],
  ['Average', (s) => s.total / s.count],
  ['Longest', (s) => s.longest],
];

/** What each operation costs, as a table; a click on a name finds its spans. */
export function Statistics({ state }: { state: TraceState }) {
  const { model } = state;
  const path = state.path.value;
  const all = useMemo(() => operationStats(model, (row) => criticalTime(path, row)), [model]);
  const [sort, setSort] = useState({ column: 2, ascending: false });
  const [, value] = columns[sort.column]!;
  const sorted = all.toSorted((a, b) => (sort.ascending ? 1 : -1) * (value(a) - value(b)));
  const selfTimes = all.reduce((sum, { self }) => sum + self, 0);
  const find = (name: string): void => {
    state.find(name);
    state.choose('timeline');
  };
  return (
    <div class="statistics" tabIndex={0} role="region" aria-label="Statistics">
      <table class="data">
        <thead>
          <tr>
            <th scope="col">Service</th>
            <th scope="col">Operation</th>
            {columns.map(([label], column) => (
              <th key={label} scope="col" class="number" aria-sort={sort.column !== column ? 'none' : sort.ascending ? 'ascending' : 'descending'}>
                <button type="button" class="link" onClick={() => setSort({ column, ascending: sort.column === column && !sort.ascending })}>
                  {label} {sort.column === column && (sort.ascending ? icons.up : icons.down)}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, mostRows).map((stats) => (
            <tr key={`${stats.service}\n${stats.name}`}>
              <td>
                <span class={`dot ${colorClass(stats.service)}`} /> {stats.service || '(no service)'}
              </td>
              <td class="wide">
                <button type="button" class="link" onClick={() => find(stats.name)}>
                  {stats.name || '(no name)'}
                </button>
              </td>
              <td class="number">{formatCount(stats.count)}</td>
              <td class={stats.errors > 0 ? 'number failed' : 'number'}>{formatCount(stats.errors)}</td>
              <td class="number">
                {formatDuration(stats.self)} <span class="muted">{percent(stats.self / Math.max(selfTimes, 1))}</span>
              </td>
              <td class="number">{formatDuration(stats.critical)}</td>
              <td class="number">{formatDuration(stats.total)}</td>
              <td class="number">{formatDuration(stats.total / stats.count)}</td>
              <td class="number">{formatDuration(stats.longest)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > mostRows && <p class="muted note">and {plural(sorted.length - mostRows, 'more operation')}; sort by another column to see them.</p>}
    </div>
  );
}
