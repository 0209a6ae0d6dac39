import { formatDuration, parseDuration } from '../lib/format.ts';
import { parseTags } from '../lib/logfmt.ts';

/** The search form. All fields are what the form shows; empty means unset. */
export interface SearchState {
  service: string;
  operation: string;
  tags: string;
  /** A filter in its text form, docs/api/filters.md. */
  filter: string;
  errors: boolean;
  min: string;
  max: string;
  /** A preset such as "1h", or "custom": then from and to are ISO instants. */
  range: string;
  from: string;
  to: string;
  order: 'newest' | 'slowest';
  limit: number;
  /** What to find. Spans have an order of their own. */
  view: 'traces' | 'spans';
  sort: 'start' | 'duration';
  direction: 'descending' | 'ascending';
}

/** Time range presets: URL value and label. */
export const ranges: ReadonlyArray<readonly [value: string, label: string]> = [
  ['5m', 'Last 5 minutes'],
  ['15m', 'Last 15 minutes'],
  ['1h', 'Last hour'],
  ['3h', 'Last 3 hours'],
  ['12h', 'Last 12 hours'],
  ['24h', 'Last 24 hours'],
  ['48h', 'Last 2 days'],
  ['168h', 'Last 7 days'],
];

export const limits: readonly number[] = [20, 50, 100, 200, 500, 1000];

export const defaults: Readonly<SearchState> = {
  service: '',
  operation: '',
  tags: '',
  filter: '',
  errors: false,
  min: '',
  max: '',
  range: '1h',
  from: '',
  to: '',
  order: 'newest',
  limit: 50,
  view: 'traces',
  sort: 'start',
  direction: 'descending',
};

/** Reads the form from the address. Values the form does not know become defaults. */
export function readState(query: URLSearchParams): SearchState {
  const text = (name: string): string => query.get(name) ?? '';
  const from = isInstant(text('from')) ? text('from') : '';
  const to = isInstant(text('to')) ? text('to') : '';
  const custom = from !== '' && to !== '';
  const range = ranges.find(([value]) => value === text('range'))?.[0] ?? defaults.range;
  return {
    service: text('service'),
    operation: text('operation'),
    tags: text('tags'),
    filter: text('filter').replace(/[\r\n]+/g, ' '), // a field has one line
    errors: text('errors') === 'true',
    min: text('min'),
    max: text('max'),
    range: custom ? 'custom' : range,
    from: custom ? from : '',
    to: custom ? to : '',
    order: text('order') === 'slowest' ? 'slowest' : 'newest',
    limit: limits.find((limit) => String(limit) === text('limit')) ?? defaults.limit,
    view: text('view') === 'spans' ? 'spans' : 'traces',
    sort: text('sort') === 'duration' ? 'duration' : 'start',
    direction: text('direction') === 'ascending' ? 'ascending' : 'descending',
  };
}

/** Writes what differs from the defaults, so that shared links stay short. */
export function writeState(state: SearchState): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name of ['service', 'operation', 'tags', 'filter', 'min', 'max', 'order', 'view', 'sort', 'direction'] as const) {
    if (state[name] !== '' && state[name] !== defaults[name]) out[name] = state[name];
  }
  if (state.errors) out['errors'] = 'true';
  if (state.limit !== defaults.limit) out['limit'] = String(state.limit);
  if (state.range !== 'custom') {
    if (state.range !== defaults.range) out['range'] = state.range;
    return out;
  }
  if (state.from !== '') out['from'] = state.from;
  if (state.to !== '') out['to'] = state.to;
  return out;
}

/** The same search between two instants in milliseconds, widened to whole ones. */
export function narrowed(state: SearchState, from: number, to: number): SearchState {
  const start = Math.floor(from);
  const end = Math.max(Math.ceil(to), start + 1);
  return { ...state, range: 'custom', from: new Date(start).toISOString(), to: new Date(end).toISOString() };
}

/** Problems that keep a form from being sent, by field. */
export type Problems = Partial<Record<'tags' | 'min' | 'max' | 'range', string>>;

export function checkState(state: SearchState): Problems {
  const problems: Problems = {};
  const tags = parseTags(state.tags);
  if ('error' in tags) problems.tags = tags.error;
  const min = durationOf(state.min);
  const max = durationOf(state.max);
  if (min === null) problems.min = 'write 250ms or 1.5s';
  if (max === null) problems.max = 'write 250ms or 1.5s';
  if (min && max && max < min) problems.max = `below the minimum, ${formatDuration(min)}`;
  if (state.range === 'custom' && !(Date.parse(state.from) < Date.parse(state.to))) {
    problems.range = 'the start must lie before the end';
  }
  return problems;
}

/** The request of a valid form: for its traces, or for its spans. */
export function toRequest(state: SearchState): URLSearchParams {
  const out = toConditions(state);
  if (state.view === 'spans') {
    out.set('sort', state.sort);
    out.set('direction', state.direction);
  } else {
    out.set('order', state.order);
  }
  out.set('limit', String(state.limit));
  return out;
}

/** The request for the page after an answer. */
export function toNextPage(state: SearchState, answer: { startUnixNano: string; endUnixNano: string; nextToken: string }): URLSearchParams {
  const out = within(toRequest(state), answer);
  out.set('token', answer.nextToken);
  return out;
}

/** Replaces the time of a request by the very one that an answer is about. */
export function within(request: URLSearchParams, answer: { startUnixNano: string; endUnixNano: string }): URLSearchParams {
  const out = new URLSearchParams(request);
  out.delete('lookback');
  out.set('start', answer.startUnixNano);
  out.set('end', answer.endUnixNano);
  return out;
}

/** What must hold on a span. */
export function toConditions(state: SearchState): URLSearchParams {
  const out = new URLSearchParams();
  const put = (name: string, value: string): void => {
    if (value !== '') out.set(name, value);
  };
  put('service', state.service);
  put('operation', state.operation);
  put('tags', state.tags.trim());
  put('filter', state.filter.trim());
  put('errors', state.errors ? 'true' : '');
  put('minDuration', nanosWord(state.min));
  put('maxDuration', nanosWord(state.max));
  if (state.range === 'custom') {
    put('start', state.from);
    put('end', state.to);
  } else {
    put('lookback', state.range);
  }
  return out;
}

function nanosWord(text: string): string {
  const nanos = durationOf(text);
  return nanos ? `${Math.round(nanos)}ns` : '';
}

/** 0 for an empty text, null for a wrong one. */
function durationOf(text: string): number | null {
  return text.trim() === '' ? 0 : parseDuration(text);
}

function isInstant(text: string): boolean {
  return text !== '' && !Number.isNaN(Date.parse(text));
}
