import { useState } from 'preact/hooks';
import { api, type SearchResult } from '../lib/api.ts';
import { plural } from '../lib/format.ts';
import { FacetPanel } from './facetpanel.tsx';
import { HistogramBars } from './histogram.tsx';
import type { Found, Memory } from './memory.ts';
import { More, usePages } from './more.tsx';
import { ResultList } from './results.tsx';
import { Scatter } from './scatter.tsx';
import { narrowed, ranges, toNextPage, type SearchState } from './state.ts';
import { hashOf, useWayBack } from './wayback.ts';

/** A search with its answer: traces or spans. */
export interface Answer extends Found {
  /** Tells answers apart: equal searches may be answered differently. */
  serial: number;
  state: SearchState;
}

interface Props {
  state: SearchState;
  answer: SearchResult;
  busy: boolean;
  memory: Memory | undefined;
  onSearch: (next: SearchState) => void;
}

/** Facets, plots and the list of found traces. */
export function TraceResults({ state, answer, busy, memory, onSearch }: Props) {
  const pages = usePages(
    answer,
    (all, signal) => api.search(toNextPage(state, all), signal),
    (all, page) => ({ ...all, traces: [...all.traces, ...page.traces], nextToken: page.nextToken }),
  );
  const result = pages.answer;
  useWayBack(state, { traces: result }, memory);
  const [pointed, point] = useState('');
  const narrow = (from: number, to: number): void => onSearch(narrowed(state, from, to));
  const { traces } = result;
  return (
    <div class={busy ? 'found busy' : 'found'} aria-busy={busy} data-search={hashOf(state)}>
      {traces.length > 0 && <FacetPanel traces={traces} state={state} />}
      <div class="results">
        <p class="headline" role="status">
          {headline(result, state)}
        </p>
        {traces.length === 0 ? (
          <Empty state={state} onChange={onSearch} />
        ) : (
          <>
            <HistogramBars state={state} first={answer} onNarrow={narrow} />
            <Scatter result={result} newestFirst={state.order === 'newest'} pointed={pointed} onPoint={point} onNarrow={narrow} />
            <ResultList traces={traces} pointed={pointed} onPoint={point} />
            <More pages={pages} token={result.nextToken} noun="traces" />
          </>
        )}
      </div>
    </div>
  );
}

function headline({ traces, nextToken }: SearchResult, state: SearchState): string {
  const found = plural(traces.length, 'trace');
  const order = state.order === 'slowest' ? 'slowest first' : 'newest first';
  const range = ranges.find(([value]) => value === state.range)?.[1].toLowerCase() ?? 'chosen time range';
  return [found, nextToken === '' ? '' : 'there are more', order, range].filter((word) => word !== '').join(' · ');
}

/** Nothing matched: the conditions that can be lifted, one click each. */
export function Empty({ state, onChange }: { state: SearchState; onChange: (next: SearchState) => void }) {
  const ways: [label: string, next: SearchState][] = [];
  if (state.range !== '168h') ways.push(['Search the last 7 days', { ...state, range: '168h', from: '', to: '' }]);
  if (state.filter.trim() !== '') ways.push(['Without the filter', { ...state, filter: '' }]);
  if (state.tags.trim() !== '') ways.push(['Without tags', { ...state, tags: '' }]);
  if (state.min !== '' || state.max !== '') ways.push(['Any duration', { ...state, min: '', max: '' }]);
  if (state.errors) ways.push(['With or without errors', { ...state, errors: false }]);
  if (state.operation !== '') ways.push(['Any operation', { ...state, operation: '' }]);
  if (state.service !== '') ways.push(['Any service', { ...state, service: '', operation: '' }]);
  return (
    <div class="panel centered">
      <h2>{state.view === 'spans' ? 'No span matches' : 'No trace matches'}</h2>
      <p>All conditions must hold on one span. Lift one of them:</p>
      <p class="ways">
        {ways.map(([label, next]) => (
          <button type="button" key={label} onClick={() => onChange(next)}>
            {label}
          </button>
        ))}
      </p>
    </div>
  );
}
