import { useEffect, useMemo, useState } from 'preact/hooks';
import { api, type SearchResult } from '../lib/api.ts';
import { plural } from '../lib/format.ts';
import { go, replace, route } from '../lib/location.ts';
import { useResource } from '../lib/resource.ts';
import { formatRoute } from '../lib/route.ts';
import { colorsReady } from '../lib/services.ts';
import { ErrorPanel } from '../shell/error.tsx';
import { FacetPanel } from './facetpanel.tsx';
import { SearchForm } from './form.tsx';
import { ResultList } from './results.tsx';
import { Scatter } from './scatter.tsx';
import { checkState, ranges, readState, toRequest, writeState, type SearchState } from './state.ts';

const hashOf = (state: SearchState): string => formatRoute(['search'], writeState(state));

/** Search, its facets and its results. The address holds the whole state. */
export function SearchPage() {
  const { query } = route.value;
  const text = query.toString();
  const state = useMemo(() => readState(query), [text]);
  const [round, setRound] = useState(0); // grows when the same search is asked again
  const valid = Object.keys(checkState(state)).length === 0;
  const key = valid ? `${round} ${text}` : '';
  const result = useResource(key, async (signal) => {
    const [found] = await Promise.all([api.search(toRequest(state), signal), colorsReady()]);
    return found;
  });
  const [pointed, point] = useState('');

  useEffect(() => {
    document.title = state.service === '' ? 'Traces · Pando' : `${state.service} · Pando`;
  }, [state.service]);

  const submit = (next: SearchState): void => {
    const hash = hashOf(next);
    if (hash === hashOf(state)) {
      replace(hash);
      setRound(round + 1);
    } else {
      go(hash);
    }
  };
  const narrow = (from: number, to: number): void =>
    submit({ ...state, range: 'custom', from: new Date(from).toISOString(), to: new Date(to).toISOString() });

  return (
    <div class="search">
      <h1 class="hidden">Search traces</h1>
      <SearchForm state={state} busy={result.loading} onSubmit={submit} />
      {result.error && <ErrorPanel error={result.error} />}
      {result.value && !result.error && (
        <div class={result.loading ? 'found busy' : 'found'} aria-busy={result.loading}>
          <FacetPanel traces={result.value.traces} state={state} />
          <div class="results">
            <p class="headline" role="status">
              {headline(result.value, state)}
            </p>
            {result.value.traces.length === 0 ? (
              <Empty state={state} onChange={submit} />
            ) : (
              <>
                <Scatter result={result.value} newestFirst={state.order === 'newest'} pointed={pointed} onPoint={point} onNarrow={narrow} />
                <ResultList traces={result.value.traces} pointed={pointed} onPoint={point} />
              </>
            )}
          </div>
        </div>
      )}
    </div>
  );
}

function headline(result: SearchResult, state: SearchState): string {
  const found = plural(result.traces.length, 'trace');
  const order = state.order === 'slowest' ? 'slowest first' : 'newest first';
  const range = ranges.find(([value]) => value === state.range)?.[1].toLowerCase() ?? 'chosen time range';
  const full = result.traces.length === result.limit ? `the limit; there may be more` : '';
  return [found, full, order, range].filter((word) => word !== '').join(' · ');
}

/** Nothing matched: the conditions that can be lifted, one click each. */
function Empty({ state, onChange }: { state: SearchState; onChange: (next: SearchState) => void }) {
  const ways: [label: string, next: SearchState][] = [];
  if (state.range !== '168h') ways.push(['Search the last 7 days', { ...state, range: '168h', from: '', to: '' }]);
  if (state.tags.trim() !== '') ways.push(['Without tags', { ...state, tags: '' }]);
  if (state.min !== '' || state.max !== '') ways.push(['Any duration', { ...state, min: '', max: '' }]);
  if (state.errors) ways.push(['With or without errors', { ...state, errors: false }]);
  if (state.operation !== '') ways.push(['Any operation', { ...state, operation: '' }]);
  if (state.service !== '') ways.push(['Any service', { ...state, service: '', operation: '' }]);
  return (
    <div class="panel centered">
      <h2>No trace matches</h2>
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
