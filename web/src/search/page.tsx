import { useEffect, useLayoutEffect, useMemo, useState } from 'preact/hooks';
import { api, type SearchResult } from '../lib/api.ts';
import { plural } from '../lib/format.ts';
import { go, replace, route } from '../lib/location.ts';
import { useResource } from '../lib/resource.ts';
import { formatRoute, parseRoute } from '../lib/route.ts';
import { colorsReady } from '../lib/services.ts';
import { ErrorPanel } from '../shell/error.tsx';
import { FacetPanel } from './facetpanel.tsx';
import { SearchForm } from './form.tsx';
import { recall, remember, type Memory } from './memory.ts';
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
  const memory = useMemo(() => recall(hashOf(state)), []);
  const search = async (signal: AbortSignal): Promise<Found> => {
    const [result] = await Promise.all([api.search(toRequest(state), signal), colorsReady()]);
    return { state, result };
  };
  const { value: found, error, loading } = useResource(key, search, memory && { state, result: memory.result });
  useWayBack(found, memory);
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
      <SearchForm state={state} busy={loading} onSubmit={submit} />
      {error && <ErrorPanel error={error} />}
      {found && !error && (
        <div class={loading ? 'found busy' : 'found'} aria-busy={loading} data-search={hashOf(found.state)}>
          {found.result.traces.length > 0 && <FacetPanel traces={found.result.traces} state={found.state} />}
          <div class="results">
            <p class="headline" role="status">
              {headline(found)}
            </p>
            {found.result.traces.length === 0 ? (
              <Empty state={found.state} onChange={submit} />
            ) : (
              <>
                <Scatter result={found.result} newestFirst={found.state.order === 'newest'} pointed={pointed} onPoint={point} onNarrow={narrow} />
                <ResultList traces={found.result.traces} pointed={pointed} onPoint={point} />
              </>
            )}
          </div>
        </div>
      )}
    </div>
  );
}

/** A result with the search it answers; while the next one loads, that is an older search. */
interface Found {
  state: SearchState;
  result: SearchResult;
}

/** Remembers the search for the way back from a trace, and on that way restores the place. */
function useWayBack(found: Found | undefined, memory: Memory | undefined): void {
  useLayoutEffect(() => {
    if (!memory) return;
    const main = document.getElementById('main')!;
    main.scrollTop = memory.scrollTop;
    main.querySelector<HTMLElement>(`a[href$="${memory.traceId}"]`)?.focus({ preventScroll: true });
  }, []);
  // The cleanup runs when the page makes room for a trace: the list is still there.
  useLayoutEffect(
    () => () => {
      const { path } = parseRoute(window.location.hash);
      if (!found || path[0] !== 'trace') return;
      const { scrollTop } = document.getElementById('main')!;
      remember({ hash: hashOf(found.state), result: found.result, traceId: path[1] ?? '', scrollTop });
    },
    [found],
  );
}

function headline({ result, state }: Found): string {
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
