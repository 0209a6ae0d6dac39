import { useEffect, useMemo, useRef } from 'preact/hooks';
import { api } from '../lib/api.ts';
import { replace, route } from '../lib/location.ts';
import { useResource } from '../lib/resource.ts';
import { formatRoute, fullTraceId } from '../lib/route.ts';
import { colorsReady } from '../lib/services.ts';
import { ErrorPanel } from '../shell/error.tsx';
import { Details } from './details.tsx';
import { Flame } from './flame.tsx';
import { TraceHeader } from './header.tsx';
import { Minimap } from './minimap.tsx';
import { buildModel, nameOf, serviceOf } from './model.ts';
import { Statistics } from './statistics.tsx';
import { TraceState, views } from './state.ts';
import { Timeline } from './timeline.tsx';
import { Toolbar } from './toolbar.tsx';

export function TracePage({ id }: { id: string }) {
  const { value: state, error } = useResource(id, async (signal) => {
    const [columns] = await Promise.all([api.trace(id, signal), colorsReady()]);
    return new TraceState(buildModel(columns));
  });
  if (error) return <ErrorPanel error={error} retry />;
  if (!state) return <p class="loading muted">Loading the trace…</p>;
  return <TraceView state={state} />;
}

function TraceView({ state }: { state: TraceState }) {
  const { model } = state;
  // The address leads when its reader goes back, edits it or follows a link to
  // another span of this trace.
  const known = useRef(''); // the address last read or written
  const read = () => {
    known.current = window.location.hash;
    openFromAddress(state);
  };
  useMemo(read, [state]);
  useEffect(() => {
    if (window.location.hash !== known.current) read();
  }, [route.value]);

  // The address follows: it names the opened span and what is being looked for.
  const { openedSpan, query, view } = state;
  useEffect(() => {
    if (window.location.hash !== known.current) return; // the reader went on, and that is yet to be read
    replace(formatRoute(['trace', model.header.traceId], { span: openedSpan, q: query, view: view === 'timeline' ? '' : view }));
    known.current = window.location.hash;
  }, [openedSpan, query, view]);

  useEffect(() => {
    document.title = `${serviceOf(model, 0)}: ${nameOf(model, 0)} · Pando`;
    // Rows are in the document now; the frame after the next one shows them.
    requestAnimationFrame(() => requestAnimationFrame(() => performance.mark('pando:trace-ready', { detail: model.rows })));
  }, [state]);

  if (view !== 'timeline') {
    return (
      <div class="trace">
        <TraceHeader state={state} />
        <Toolbar state={state} />
        {view === 'flame' ? <Flame model={model} /> : <Statistics state={state} />}
      </div>
    );
  }
  return (
    <div class={state.opened ? 'trace with-details' : 'trace'}>
      <TraceHeader state={state} />
      <Toolbar state={state} />
      <Minimap state={state} />
      <Timeline state={state} />
      {state.opened && <Details state={state} />}
    </div>
  );
}

/** Shows what the address names, if that is not on screen yet. */
function openFromAddress(state: TraceState): void {
  const { path, query } = route.peek();
  if (fullTraceId(path[1] ?? '') !== state.model.header.traceId) return; // on the way to another page
  const text = query.get('q') ?? '';
  if (text !== state.query) state.find(text);
  state.choose(views.find((name) => name === query.get('view')) ?? 'timeline');
  const span = query.get('span') ?? '';
  if (span === state.openedSpan) return;
  if (span === '') state.close();
  else state.openSpan(span);
}
