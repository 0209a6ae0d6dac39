import { useEffect, useMemo, useRef } from 'preact/hooks';
import { api } from '../lib/api.ts';
import { formatCount, formatDate, formatDuration, formatTime, millisOfNanos, percent, plural } from '../lib/format.ts';
import { go, replace, route } from '../lib/location.ts';
import { useResource } from '../lib/resource.ts';
import { formatRoute } from '../lib/route.ts';
import { colorClass, colorsReady } from '../lib/services.ts';
import { useView } from '../lib/view.ts';
import { ErrorPanel } from '../shell/error.tsx';
import { aggregate } from '../trace/aggregate.ts';
import { buildModel, nameOf, serviceOf, type TraceModel } from '../trace/model.ts';
import { windowOf } from '../trace/visible.ts';
import { diff, summarize, type Change, type DiffRow, type Side } from './diff.ts';

/** Height of a row and of the head in CSS pixels; styles/views.css has the same. */
const rowHeight = 26;
const headHeight = 28;

/** Two traces side by side, matched by the paths of their operations. */
export function ComparePage({ a, b }: { a: string; b: string }) {
  const { value: both, error } = useResource(`${a} ${b}`, async (signal) => {
    const [first, second] = await Promise.all([api.trace(a, signal), api.trace(b, signal), colorsReady()]);
    return [buildModel(first), buildModel(second)] as const;
  });
  useEffect(() => {
    document.title = 'Compare traces · Pando';
  }, []);
  if (error) return <ErrorPanel error={error} retry />;
  if (!both) return <p class="loading muted">Loading two traces…</p>;
  return <Comparison a={both[0]} b={both[1]} />;
}

function Comparison({ a, b }: { a: TraceModel; b: TraceModel }) {
  const rows = useMemo(() => diff(aggregate(a), aggregate(b)), [a, b]);
  const summary = useMemo(() => summarize(rows), [rows]);
  const only = changes.find((change) => change === route.value.query.get('show')) ?? '';
  const ids = [a.header.traceId, b.header.traceId];
  const setOnly = (show: Change | ''): void => replace(formatRoute(['compare', ...ids], { show }));
  const shown = only === '' ? rows : rows.filter(({ change }) => change === only);
  return (
    <div class="compare">
      <h1 class="hidden">Compare two traces</h1>
      <div class="sides">
        <Head side="A" model={a} other={b} />
        <button type="button" class="ghost" onClick={() => go(formatRoute(['compare', ...ids.toReversed()]))} title="Swap the traces">
          ⇄ <span class="hidden">Swap the traces</span>
        </button>
        <Head side="B" model={b} other={a} />
      </div>
      <div class="choices changes" role="group" aria-label="Show">
        <button type="button" aria-pressed={only === ''} onClick={() => setOnly('')}>
          All <span class="n">{formatCount(rows.length)}</span>
        </button>
        {changes.map((change) => (
          <button type="button" key={change} aria-pressed={only === change} onClick={() => setOnly(change)}>
            <span class={`mark ${change}`} aria-hidden="true" />
            {words[change]} <span class="n">{formatCount(summary[change])}</span>
          </button>
        ))}
      </div>
      <DiffTable rows={shown} />
    </div>
  );
}

const changes: readonly Change[] = ['added', 'removed', 'slower', 'faster', 'same'];
const words: Readonly<Record<Change, string>> = { added: 'Only in B', removed: 'Only in A', slower: 'Slower in B', faster: 'Faster in B', same: 'Much the same' };

function Head({ side, model, other }: { side: 'A' | 'B'; model: TraceModel; other: TraceModel }) {
  const { header } = model;
  const start = millisOfNanos(header.startUnixNano);
  const delta = header.durationNanos - other.header.durationNanos;
  return (
    <section class="panel side" aria-label={`Trace ${side}`}>
      <h2>
        <span class="badge">{side}</span> <span class="muted">{serviceOf(model, 0) || '(no service)'}</span>{' '}
        <a href={formatRoute(['trace', header.traceId])}>{nameOf(model, 0) || '(no name)'}</a>
      </h2>
      <p>
        <strong>{formatDuration(header.durationNanos)}</strong>{' '}
        {side === 'B' && <span class="muted">({signed(delta)})</span>} · {formatCount(header.spanCount)} spans ·{' '}
        <span class={model.errorRows.length > 0 ? 'failed' : ''}>{formatCount(model.errorRows.length)} errors</span>
      </p>
      <p class="muted">
        {formatDate(start)} {formatTime(start)} <code>{header.traceId}</code>
      </p>
    </section>
  );
}

/** The matched paths; only those on screen are in the document. */
function DiffTable({ rows }: { rows: readonly DiffRow[] }) {
  const table = useRef<HTMLDivElement>(null);
  const { view, onScroll } = useView(table, headHeight);
  const { first, end } = windowOf({ ...view, rowHeight }, rows.length);
  const longest = rows.reduce((most, { a, b }) => Math.max(most, a?.average ?? 0, b?.average ?? 0), 1);
  return (
    <div ref={table} class="diff" role="table" tabIndex={0} aria-label="Differences" aria-rowcount={rows.length + 1} onScroll={onScroll}>
      <div class="head" role="row" aria-rowindex={1}>
        {['Service and operation', 'A', 'B', 'Change'].map((label) => (
          <span key={label} role="columnheader">
            {label}
          </span>
        ))}
      </div>
      <div class="rows" role="rowgroup" style={{ height: `${rows.length * rowHeight}px` }}>
        {rows.slice(first, end).map((row, i) => (
          <div key={first + i} class={`diff-row ${row.change}`} role="row" aria-rowindex={first + i + 2} style={{ top: `${(first + i) * rowHeight}px` }}>
            <span role="cell" class="name" style={{ '--depth': Math.min(row.depth, 24) }} title={`${row.service}: ${row.name}`}>
              <span class={`dot ${colorClass(row.service)}`} /> <span class="muted">{row.service || '(no service)'}</span> {row.name || '(no name)'}
            </span>
            <Cell side={row.a} longest={longest} />
            <Cell side={row.b} longest={longest} />
            <span role="cell" class="change">
              <span class={`mark ${row.change}`} aria-hidden="true" /> {changeWords(row)}
            </span>
          </div>
        ))}
      </div>
      {rows.length === 0 && <p class="muted note">Nothing of the kind.</p>}
    </div>
  );
}

function Cell({ side, longest }: { side: Side | null; longest: number }) {
  return (
    <span role="cell" class="measure">
      {side ? (
        <>
          <span class="share" style={{ width: `${(100 * side.average) / longest}%` }} />
          <span>
            {formatDuration(side.average)}
            {side.count > 1 && <span class="muted"> × {formatCount(side.count)}</span>}
            {side.errors > 0 && <span class="failed"> {formatCount(side.errors)} failed</span>}
          </span>
        </>
      ) : (
        <span class="muted">–</span>
      )}
    </span>
  );
}

function changeWords({ change, a, b, delta }: DiffRow): string {
  if (change === 'added' || change === 'removed') return words[change];
  const share = a && a.average > 0 ? ` (${delta < 0 ? '−' : '+'}${percent(Math.abs(delta) / a.average)})` : '';
  const count = a && b && a.count !== b.count ? `, ${b.count > a.count ? '+' : '−'}${plural(Math.abs(b.count - a.count), 'span')}` : '';
  return `${signed(delta)}${share}${count}`;
}

function signed(nanos: number): string {
  return nanos < 0 ? formatDuration(nanos) : `+${formatDuration(nanos)}`;
}
