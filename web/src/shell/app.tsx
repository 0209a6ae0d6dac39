import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { api } from '../lib/api.ts';
import { go, replace, route } from '../lib/location.ts';
import { useResource } from '../lib/resource.ts';
import { formatRoute, fullTraceId } from '../lib/route.ts';
import { SearchPage } from '../search/page.tsx';
import { ErrorPanel } from './error.tsx';
import { Header } from './header.tsx';
import { lazy } from './lazy.tsx';
import { ready } from './ready.ts';
import { WaitingPage } from './waiting.tsx';

const TracePage = lazy<{ id: string }>(async () => (await import('../trace/page.tsx')).TracePage as ComponentType<{ id: string }>);
const ComparePage = lazy<{ a: string; b: string }>(async () => (await import('../compare/page.tsx')).ComparePage as ComponentType<{ a: string; b: string }>);
const MapPage = lazy<object>(async () => (await import('../map/page.tsx')).MapPage as ComponentType<object>);

/** The frame around every page, and the choice of the page. */
export function App() {
  const [page = '', given = '', other = ''] = route.value.path;
  const id = fullTraceId(given);
  useEffect(() => {
    if (page === '') replace(formatRoute(['search']));
  }, [page]);
  return (
    <>
      <a class="skip" href="#main" onClick={skipToMain}>
        Skip to content
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        <Page page={page} id={id} other={fullTraceId(other)} />
      </main>
    </>
  );
}

function Page({ page, id, other }: { page: string; id: string; other: string }) {
  if (page === 'trace' && id !== '') return <TracePage key={id} id={id} />;
  if (page === 'compare' && id !== '' && other !== '') return <ComparePage key={`${id} ${other}`} a={id} b={other} />;
  if (page === 'map') return <MapPage />;
  return page === 'search' || page === '' ? <Start /> : <Lost />;
}

/** The search page, or what to do before there is anything to search. */
function Start() {
  const status = useResource(ready.value ? '' : 'status', async (signal) => {
    const answer = await api.status(signal);
    if (answer.state === 'ready') ready.value = true;
    return answer;
  });
  if (ready.value) return <SearchPage />;
  if (status.error) return <ErrorPanel error={status.error} retry />;
  return status.value ? <WaitingPage status={status.value} /> : null;
}

function Lost() {
  return (
    <div class="panel centered">
      <h1>There is no such page</h1>
      <p>The address may be from a newer version of Pando.</p>
      <button type="button" class="primary" onClick={() => go(formatRoute(['search']))}>
        Search traces
      </button>
    </div>
  );
}

/** Moves the focus without touching the hash, which holds the route. */
function skipToMain(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
