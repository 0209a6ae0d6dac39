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

/** What went wrong, why, and what to do: the three lines every error shows. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`api/v1/${path}`, { ...(signal && { signal }), headers: { Accept: 'application/json' } });
  } catch (err) {
    if (signal?.aborted) throw err;
    throw new ApiError('E_NETWORK', 'the server did not answer', 'Check that Pando is running and that this machine reaches it.');
  }
  if (!response.ok) throw await errorOf(response);
  return (await response.json()) as T;
}

async function errorOf(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as { error: { code: string; message: string; hint: string } };
    return new ApiError(error.code, error.message, error.hint);
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
  facets: (ids: readonly string[], signal?: AbortSignal) =>
    get<Facets>(`traces/facets?${new URLSearchParams(ids.map((id) => ['id', id]))}`, signal),
  trace: (id: string, signal?: AbortSignal) => get<TraceColumns>(`traces/${part(id)}`, signal),
  spans: async (trace: string, span: string, signal?: AbortSignal) =>
    (await get<{ spans: SpanDetails[] }>(`traces/${part(trace)}/spans/${part(span)}`, signal)).spans,
};
