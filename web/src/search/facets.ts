import type { Facets, Summary } from '../lib/api.ts';
import { formatTags, parseTags } from '../lib/logfmt.ts';
import type { SearchState } from './state.ts';

/** One clickable value: how often it occurs, and the search that filters by it. */
export interface FacetValue {
  label: string;
  /** Service whose colour the value shows, if it is one. */
  service?: string;
  /** Set for the value that stands for failed traces. */
  failed?: boolean;
  count: number;
  active: boolean;
  next: SearchState;
}

export interface FacetGroup {
  title: string;
  /** How many traces the counts refer to. */
  of: number;
  values: FacetValue[];
}

/** Groups that the result list itself answers: services, root operations, status. */
export function summaryFacets(traces: readonly Summary[], state: SearchState): FacetGroup[] {
  const services = new Map<string, number>();
  const operations = new Map<string, { service: string; count: number }>();
  let failed = 0;
  for (const trace of traces) {
    for (const { name } of trace.services) services.set(name, (services.get(name) ?? 0) + 1);
    const operation = operations.get(trace.rootOperation) ?? { service: trace.rootService, count: 0 };
    operation.count++;
    operations.set(trace.rootOperation, operation);
    if (trace.errorCount > 0) failed++;
  }
  const of = traces.length;
  const status: FacetValue = { label: 'with errors', failed: true, count: failed, active: state.errors, next: { ...state, errors: !state.errors } };
  return [
    { title: 'Status', of, values: failed > 0 || state.errors ? [status] : [] },
    {
      title: 'Service',
      of,
      values: [...services].map(([label, count]) => {
        const active = state.service === label;
        const next = { ...state, service: active ? '' : label, operation: '' };
        return { label, service: label, count, active, next };
      }),
    },
    {
      title: 'Root operation',
      of,
      values: [...operations].map(([label, { service, count }]) => {
        const active = state.operation === label;
        const next = active ? { ...state, operation: '' } : { ...state, service, operation: label };
        return { label, count, active, next };
      }),
    },
  ].map(sortValues);
}

/** Groups of attribute values that the server counted over a sample of the results. */
export function attributeFacets(sample: Facets, state: SearchState): FacetGroup[] {
  const parsed = parseTags(state.tags);
  if ('error' in parsed) return [];
  const { tags } = parsed;
  return sample.facets.map(({ key, values }) => ({
    title: key,
    of: sample.traceCount,
    values: values.map(({ value, traceCount }) => {
      const isThis = (tag: { key: string; value: string }): boolean => tag.key === key && tag.value === value;
      const active = tags.some(isThis);
      const next = active ? tags.filter((tag) => !isThis(tag)) : [...tags, { key, value }];
      return { label: value, count: traceCount, active, next: { ...state, tags: formatTags(next) } };
    }),
  }));
}

/**
 * The traces whose attributes are worth counting: the first ones, big ones left
 * out, since reading them would cost more than the search itself.
 */
export function sampleOf(traces: readonly Summary[]): string[] {
  return traces
    .filter((trace) => trace.spanCount <= 2000)
    .slice(0, 20)
    .map((trace) => trace.traceId);
}

function sortValues(group: FacetGroup): FacetGroup {
  const values = group.values.toSorted((a, b) => b.count - a.count || (a.label < b.label ? -1 : 1));
  return { ...group, values };
}
