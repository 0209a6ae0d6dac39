import { api, type SpanRow, type SpanSearchResult } from '../lib/api.ts';
import { formatDate, formatDuration, formatTime, millisOfNanos, plural } from '../lib/format.ts';
import { formatRoute } from '../lib/route.ts';
import { colorClass } from '../lib/services.ts';
import { icons } from '../shell/icons.tsx';
import type { Memory } from './memory.ts';
import { More, usePages } from './more.tsx';
import { toNextPage, type SearchState } from './state.ts';
import { Empty } from './traceresults.tsx';
import { hashOf, useWayBack } from './wayback.ts';

interface Props {
  state: SearchState;
  answer: SpanSearchResult;
  busy: boolean;
  memory: Memory | undefined;
  onSearch: (next: SearchState) => void;
}

/** The spans that match, as a table; the server orders and pages it. */
export function SpanResults({ state, answer, busy, memory, onSearch }: Props) {
  const pages = usePages(
    answer,
    (all, signal) => api.spanSearch(toNextPage(state, all), signal),
    (all, page) => ({ ...all, spans: [...all.spans, ...page.spans], nextToken: page.nextToken }),
  );
  useWayBack(state, { spans: pages.answer }, memory);
  const { spans, nextToken } = pages.answer;
  const sortBy = (sort: SearchState['sort']): void =>
    onSearch({ ...state, sort, direction: state.sort === sort && state.direction === 'descending' ? 'ascending' : 'descending' });
  return (
    <div class={busy ? 'found busy' : 'found'} aria-busy={busy} data-search={hashOf(state)}>
      <div class="results">
        <p class="headline" role="status">
          {plural(spans.length, 'span')}
          {nextToken !== '' && ' · there are more'}
        </p>
        {spans.length === 0 ? (
          <Empty state={state} onChange={onSearch} />
        ) : (
          <div class="scroll">
            <table class="data spans" aria-label="Spans">
              <thead>
                <tr>
                  <SortHeader label="Start" field="start" state={state} onSort={sortBy} />
                  <SortHeader label="Duration" field="duration" state={state} onSort={sortBy} />
                  <th scope="col">Service</th>
                  <th scope="col">Operation</th>
                  <th scope="col">Kind</th>
                  <th scope="col">Trace</th>
                </tr>
              </thead>
              <tbody>
                {spans.map((span) => (
                  <Row key={`${span.traceId} ${span.spanId} ${span.startUnixNano} ${span.kind} ${span.name}`} span={span} />
                ))}
              </tbody>
            </table>
          </div>
        )}
        <More pages={pages} token={nextToken} noun="spans" />
      </div>
    </div>
  );
}

function SortHeader({ label, field, state, onSort }: { label: string; field: SearchState['sort']; state: SearchState; onSort: (field: SearchState['sort']) => void }) {
  const sorted = state.sort === field;
  return (
    <th scope="col" aria-sort={sorted ? state.direction : 'none'}>
      <button type="button" class="link" onClick={() => onSort(field)}>
        {label} {sorted && (state.direction === 'descending' ? icons.down : icons.up)}
      </button>
    </th>
  );
}

function Row({ span }: { span: SpanRow }) {
  const start = millisOfNanos(span.startUnixNano);
  return (
    <tr>
      <td title={`${formatDate(start)} ${formatTime(start)}`}>{formatTime(start)}</td>
      <td>{formatDuration(span.durationNanos)}</td>
      <td>
        <span class={`dot ${colorClass(span.service)}`} /> {span.service || '(no service)'}
      </td>
      <td class={span.statusCode === 'error' ? 'wide failed' : 'wide'} title={span.statusMessage}>
        {span.statusCode === 'error' && (
          <span role="img" aria-label="error">
            {icons.error}
          </span>
        )}
        <a href={formatRoute(['trace', span.traceId], { span: span.spanId })}>{span.name || '(no name)'}</a>
      </td>
      <td>{span.kind}</td>
      <td>
        <code>{span.traceId.slice(0, 8)}</code>
      </td>
    </tr>
  );
}
