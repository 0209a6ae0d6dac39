import { useEffect, useMemo, useState } from 'preact/hooks';
import { api } from '../lib/api.ts';
import { go, replace, route } from '../lib/location.ts';
import { useResource } from '../lib/resource.ts';
import { formatRoute } from '../lib/route.ts';
import { colorsReady } from '../lib/services.ts';
import { ErrorPanel } from '../shell/error.tsx';
import { SearchForm } from './form.tsx';
import { recall } from './memory.ts';
import { SpanResults } from './spanresults.tsx';
import { checkState, readState, toRequest, writeState, type SearchState } from './state.ts';
import { TraceResults, type Answer } from './traceresults.tsx';
import { hashOf } from './wayback.ts';

/** Search, its facets and its results. The address holds the whole state. */
export function SearchPage() {
  const { query } = route.value;
  const text = query.toString();
  const state = useMemo(() => readState(query), [text]);
  const [round, setRound] = useState(0); // grows when the same search is asked again
  const valid = Object.keys(checkState(state)).length === 0;
  const key = valid ? `${round} ${text}` : '';
  const memory = useMemo(() => recall(hashOf(state)), []);
  const { value: found, error, loading } = useResource(key, (signal) => ask(state, signal), memory && { serial: 0, state, ...memory.found });

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
  const refused = error?.place && { filter: state.filter.trim(), error };
  return (
    <div class="search">
      <h1 class="hidden">Search traces</h1>
      <SearchForm state={state} busy={loading} refused={refused} onSubmit={submit} />
      <Views state={state} />
      {error && !refused && <ErrorPanel error={error} />}
      {found?.traces && !error && (
        <TraceResults key={found.serial} state={found.state} answer={found.traces} busy={loading} memory={memory} onSearch={submit} />
      )}
      {found?.spans && !error && (
        <SpanResults key={found.serial} state={found.state} answer={found.spans} busy={loading} memory={memory} onSearch={submit} />
      )}
    </div>
  );
}

let answers = 0;

/** An answer with the search it answers; while the next one loads, that is an older search. */
async function ask(state: SearchState, signal: AbortSignal): Promise<Answer> {
  const request = toRequest(state);
  const serial = ++answers;
  if (state.view === 'spans') {
    const [spans] = await Promise.all([api.spanSearch(request, signal), colorsReady()]);
    return { serial, state, spans };
  }
  const [traces] = await Promise.all([api.search(request, signal), colorsReady()]);
  return { serial, state, traces };
}

/** Traces or spans: the same conditions, two kinds of answers. */
function Views({ state }: { state: SearchState }) {
  return (
    <nav class="views" aria-label="What to find">
      {(['traces', 'spans'] as const).map((view) => (
        <a key={view} href={formatRoute(['search'], writeState({ ...state, view }))} aria-current={state.view === view ? 'page' : undefined}>
          {view === 'traces' ? 'Traces' : 'Spans'}
        </a>
      ))}
    </nav>
  );
}
