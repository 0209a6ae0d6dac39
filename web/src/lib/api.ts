import type { TraceColumns } from '../trace/model.ts';

export interface Endpoint {
  name: string;
  protocol: string;
  address: string;
}

export interface Status {
  version: string;
  goVersion: string;
  startedUnixNano: string;
  state: 'waiting' | 'ready';
  serviceCount: number;
  endpoints: Endpoint[];
}

export interface Operation {
  name: string;
  kind: string;
}

export interface ServiceCount {
  name: string;
  spanCount: number;
  errorCount: number;
}

export interface Summary {
  traceId: string;
  rootService: string;
  rootOperation: string;
  startUnixNano: string;
  durationNanos: number;
  spanCount: number;
  errorCount: number;
  orphanCount: number;
  services: ServiceCount[];
}

export interface SearchResult {
  startUnixNano: string;
  endUnixNano: string;
  limit: number;
  traces: Summary[];
  /** Asks for the next page; empty on the last one. */
  nextToken: string;
}

/** A found span, as a row of a table. */
export interface SpanRow {
  traceId: string;
  spanId: string;
  service: string;
  name: string;
  kind: string;
  startUnixNano: string;
  durationNanos: number;
  statusCode: string;
  statusMessage: string;
}

export interface SpanSearchResult {
  startUnixNano: string;
  endUnixNano: string;
  limit: number;
  spans: SpanRow[];
  nextToken: string;
}

/** How many traces match in each of the equal parts of a time range. */
export interface Histogram {
  startUnixNano: string;
  endUnixNano: string;
  /** How many traces were looked at. */
  counted: number;
  /** Where there are many, the numbers are estimates. */
  buckets: { traces: number; failed: number; estimated: boolean }[];
}

/** The words of filters. */
export interface Vocabulary {
  levels: string[];
  fields: { level: string; name: string; kind: string }[];
  kinds: string[];
  statuses: string[];
}

/** An attribute that recent spans have, and its commonest values. */
export interface AttributeInfo {
  key: string;
  level: string;
  types: string[];
  spanCount: number;
  values: string[];
}

export interface Attributes {
  spanCount: number;
  attributes: AttributeInfo[];
  truncated: boolean;
}

export interface Facet {
  key: string;
  values: { value: string; traceCount: number }[];
}

export interface Facets {
  traceCount: number;
  facets: Facet[];
}

export interface Attribute {
  key: string;
  type: string;
  value: string;
}

export interface SpanEvent {
  name: string;
  timeUnixNano: string;
  offsetNanos: number;
  attributes: Attribute[];
  droppedAttributes: number;
}

export interface SpanLink {
  traceId: string;
  spanId: string;
  traceState: string;
  flags: number;
  attributes: Attribute[];
  droppedAttributes: number;
}

export interface SpanDetails {
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: string;
  service: string;
  startUnixNano: string;
  durationNanos: number;
  statusCode: string;
  statusMessage: string;
  traceState: string;
  flags: number;
  attributes: Attribute[];
  droppedAttributes: number;
  events: SpanEvent[];
  droppedEvents: number;
  links: SpanLink[];
  droppedLinks: number;
  resource: { schemaUrl: string; attributes: Attribute[]; droppedAttributes: number };
  scope: { name: string; version: string; schemaUrl: string; attributes: Attribute[]; droppedAttributes: number };
}

/** Rate, errors and durations of some calls. */
export interface Red {
  callCount: number;
  errorCount: number;
  p50Nanos: number;
  p95Nanos: number;
  p99Nanos: number;
}

export interface ServiceNode extends Red {
  name: string;
  spanCount: number;
}

export interface ServiceCall extends Red {
  parent: string;
  child: string;
  messageCount: number;
}

export interface ServiceGraph {
  startUnixNano: string;
  endUnixNano: string;
  services: ServiceNode[];
  calls: ServiceCall[];
  orphanCount: number;
}

/** A place in a text; lines and columns count characters from 1. */
export interface Place {
  line: number;
  column: number;
}

/** What went wrong, why, and what to do: the three lines every error shows. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
    /** Where in the filter the mistake is, if it is one of the filter. */
    readonly place?: Place,
  ) {
    super(message);
  }
}

type Answer = (path: string, signal?: AbortSignal) => Promise<unknown>;

let answer: Answer = ask;
let offline = false;

/** Whether the page shows a saved trace: there is no server, and nowhere else to go. */
export function isOffline(): boolean {
  return offline;
}

/** Answers all further questions without a server. */
export function goOffline(saved: Answer): void {
  answer = saved;
  offline = true;
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await answer(path, signal)) as T;
}

async function ask(path: string, signal?: AbortSignal): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(`api/v1/${path}`, { ...(signal && { signal }), headers: { Accept: 'application/json' } });
  } catch (err) {
    if (signal?.aborted) throw err;
    throw new ApiError('E_NETWORK', 'the server did not answer', 'Check that Pando is running and that this machine reaches it.');
  }
  if (!response.ok) throw await errorOf(response);
  return response.json();
}

async function errorOf(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as { error: { code: string; message: string; hint: string; place?: Place } };
    return new ApiError(error.code, error.message, error.hint, error.place);
  } catch {
    const hint = 'Something between this page and Pando answered in its place, perhaps a proxy.';
    return new ApiError('E_HTTP', `the answer was HTTP status ${response.status}`, hint);
  }
}

const part = encodeURIComponent;

export const api = {
  status: (signal?: AbortSignal) => get<Status>('status', signal),
  services: async (signal?: AbortSignal) => (await get<{ services: string[] }>('services', signal)).services,
  operations: async (service: string, signal?: AbortSignal) =>
    (await get<{ operations: Operation[] }>(`services/${part(service)}/operations`, signal)).operations,
  search: (query: URLSearchParams, signal?: AbortSignal) => get<SearchResult>(`traces/search?${query}`, signal),
  spanSearch: (query: URLSearchParams, signal?: AbortSignal) => get<SpanSearchResult>(`spans/search?${query}`, signal),
  histogram: (query: URLSearchParams, signal?: AbortSignal) => get<Histogram>(`traces/histogram?${query}`, signal),
  serviceGraph: (query: URLSearchParams, signal?: AbortSignal) => get<ServiceGraph>(`servicegraph?${query}`, signal),
  vocabulary: (signal?: AbortSignal) => get<Vocabulary>('vocabulary', signal),
  attributes: (service: string, prefix: string, signal?: AbortSignal) =>
    get<Attributes>(`attributes?${new URLSearchParams({ service, prefix, lookback: '24h' })}`, signal),
  facets: (ids: readonly string[], signal?: AbortSignal) =>
    get<Facets>(`traces/facets?${new URLSearchParams(ids.map((id) => ['id', id]))}`, signal),
  trace: (id: string, signal?: AbortSignal) => get<TraceColumns>(`traces/${part(id)}`, signal),
  spans: async (trace: string, span: string, signal?: AbortSignal) =>
    (await get<{ spans: SpanDetails[] }>(`traces/${part(trace)}/spans/${part(span)}`, signal)).spans,
};
