import { useMemo } from 'preact/hooks';
import { isOffline } from '../lib/api.ts';
import { formatCount, formatDate, formatDuration, formatTime, millisOfNanos, plural } from '../lib/format.ts';
import { colorClass } from '../lib/services.ts';
import { lastSearch } from '../search/memory.ts';
import { CopyButton } from '../shell/copy.tsx';
import { icons } from '../shell/icons.tsx';
import { CompareForm } from './compareform.tsx';
import { countByService, flag, maxDepth, nameOf, serviceOf, type TraceModel } from './model.ts';
import type { TraceState } from './state.ts';

/** What the trace is, its figures, its services, and what is odd about it. */
export function TraceHeader({ state }: { state: TraceState }) {
  const { model } = state;
  const { header } = model;
  const start = millisOfNanos(header.startUnixNano);
  return (
    <header class="trace-header">
      <div class="title">
        {!isOffline() && (
          <a class="ghost button" href={lastSearch()} aria-label="Back to search" title="Back to search">
            {icons.back}
          </a>
        )}
        <h1>
          <span class="service">{serviceOf(model, 0) || '(no service)'}</span>
          {nameOf(model, 0) || '(no name)'}
        </h1>
        <span class="id">
          <code>{header.traceId}</code>
          <CopyButton text={header.traceId} label="Copy the trace id" />
        </span>
        {!isOffline() && <Elsewhere traceId={header.traceId} />}
      </div>
      <dl class="figures">
        <Figure name="Start" value={`${formatDate(start)} ${formatTime(start)}`} />
        <Figure name="Duration" value={formatDuration(header.durationNanos)} />
        <Figure name="Spans" value={formatCount(header.spanCount)} />
        <Figure name="Services" value={formatCount(header.services.length)} />
        <Figure name="Depth" value={formatCount(useMemo(() => maxDepth(model), [model]))} />
        <Figure name="Errors" value={formatCount(model.errorRows.length)} failed={model.errorRows.length > 0} />
      </dl>
      <Legend state={state} />
      <Notes model={model} />
    </header>
  );
}

/** What leads out of the page: a saved file, and another trace. */
function Elsewhere({ traceId }: { traceId: string }) {
  return (
    <>
      <a class="ghost button" href={`api/v1/traces/${traceId}/export.html`} download title="Save the trace as one file that opens without a server">
        Save as HTML
      </a>
      <button type="button" class="ghost" popovertarget="compare-with">
        Compare…
      </button>
      <div id="compare-with" class="keys" popover="auto">
        <h2>Compare this trace with another</h2>
        <CompareForm traceId={traceId} />
      </div>
    </>
  );
}

function Figure({ name, value, failed }: { name: string; value: string; failed?: boolean }) {
  return (
    <div class={failed ? 'failed' : ''}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

const legendSize = 16;

/** The services by number of spans; choosing one dims the others. */
function Legend({ state }: { state: TraceState }) {
  const { model } = state;
  const { services } = model.header;
  const { counts, order } = useMemo(() => {
    const counts = countByService(model);
    const order = services.map((_, i) => i).sort((a, b) => counts[b]! - counts[a]!);
    return { counts, order };
  }, [model]);
  return (
    <div class="legend" role="group" aria-label="Services">
      {order.slice(0, legendSize).map((i) => (
        <button type="button" key={i} class="chip" aria-pressed={state.service === i} onClick={() => state.toggleService(i)}>
          <span class={`dot ${colorClass(services[i]!)}`} />
          {services[i] || '(no service)'} <span class="n">{formatCount(counts[i]!)}</span>
        </button>
      ))}
      {order.length > legendSize && <span class="muted">and {plural(order.length - legendSize, 'more service')}</span>}
    </div>
  );
}

/** Damage found while the tree was built, in words. */
function Notes({ model }: { model: TraceModel }) {
  const { notes } = model.header;
  const lines: string[] = [];
  const add = (n: number, one: string, many: string): void => {
    if (n > 0) lines.push(n === 1 ? one : `${formatCount(n)} ${many}`);
  };
  add(notes.orphans, '1 span names a parent that is not here; it is shown at the end.', 'spans name parents that are not here; they are shown at the end.');
  add(notes.cycles, 'The parents of some spans lead in a circle, which was cut.', 'circles of parents were cut.');
  add(notes.skewed, '1 span starts before its parent: clocks differ.', 'spans start before their parents: clocks differ.');
  add(notes.duplicates, '1 span came twice and is shown once.', 'spans came more than once and are shown once.');
  const shared = model.flags.reduce((n, flags) => n + (flags & flag.sharedId ? 1 : 0), 0);
  add(shared, '1 span shares its id with another.', 'spans share their ids with others.');
  add(notes.truncated, '1 span is not shown.', 'spans are not shown: the trace is longer than a page can hold.');
  if (lines.length === 0) return null;
  return (
    <ul class="notes" aria-label="Notes on this trace">
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}
