import { ApiError, type SpanDetails } from '../lib/api.ts';
import type { TraceColumns } from '../trace/model.ts';

type SavedSpan = Omit<SpanDetails, 'resource' | 'scope'> & { resource: number; scope: number };

/** A trace as it was saved: see internal/gateway/ui/export.go. */
export interface SavedTrace {
  trace: TraceColumns;
  /** Details of the first rows. */
  spans: SavedSpan[];
  resources: SpanDetails['resource'][];
  scopes: SpanDetails['scope'][];
}

/** Unpacks base64 of gzip of JSON. */
export async function unpack(text: string): Promise<SavedTrace> {
  const packed = atob(text.trim());
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = packed.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return (await new Response(stream).json()) as SavedTrace;
}

/** Answers the questions of the trace page as the server would. */
export function answers(saved: SavedTrace): (path: string) => Promise<unknown> {
  const bySpan = new Map<string, SavedSpan[]>();
  for (const span of saved.spans) {
    const same = bySpan.get(span.spanId);
    if (same) same.push(span);
    else bySpan.set(span.spanId, [span]);
  }
  const { traceId, services } = saved.trace;
  const prefix = `traces/${traceId}/spans/`;
  return async (path) => {
    if (path === 'services') return { services: services.toSorted() };
    if (path === `traces/${traceId}`) return saved.trace;
    const found = path.startsWith(prefix) ? bySpan.get(path.slice(prefix.length)) : undefined;
    if (!found) throw new ApiError('E_NOT_SAVED', 'this is not in the saved file', `It holds the details of ${saved.spans.length} spans. Ask whoever saved it for the rest.`);
    return { spans: found.map((span) => ({ ...span, resource: saved.resources[span.resource], scope: saved.scopes[span.scope] })) };
  };
}
