import { useMemo } from 'preact/hooks';
import { api, type Summary } from '../lib/api.ts';
import { formatCount, plural } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { formatRoute } from '../lib/route.ts';
import { colorClass } from '../lib/services.ts';
import { attributeFacets, sampleOf, summaryFacets, type FacetGroup, type FacetValue } from './facets.ts';
import { writeState, type SearchState } from './state.ts';

const shownValues = 12;

/** Values of the found traces; a click filters by one, a second click lifts the filter. */
export function FacetPanel({ traces, state }: { traces: readonly Summary[]; state: SearchState }) {
  const ids = useMemo(() => sampleOf(traces), [traces]);
  const sample = useResource(ids.join(' '), (signal) => api.facets(ids, signal));
  const groups = useMemo(() => summaryFacets(traces, state), [traces, state]);
  const attributes = sample.value ? attributeFacets(sample.value, state) : [];
  return (
    <aside class="facets" aria-label="Filter by value">
      {groups.map((group) => (
        <Group key={group.title} group={group} />
      ))}
      {sample.value && attributes.length > 0 && <p class="muted note">Attributes in {plural(sample.value.traceCount, 'trace')}</p>}
      {attributes.map((group, i) => (
        <Group key={group.title} group={group} folded={i >= 6 && !group.values.some((value) => value.active)} />
      ))}
    </aside>
  );
}

function Group({ group, folded = false }: { group: FacetGroup; folded?: boolean }) {
  if (group.values.length === 0) return null;
  return (
    <details open={!folded}>
      <summary title={group.title}>{group.title}</summary>
      <ul>
        {group.values.slice(0, shownValues).map((value) => (
          <li key={value.label}>
            <Value value={value} of={group.of} />
          </li>
        ))}
        {group.values.length > shownValues && <li class="muted">and {formatCount(group.values.length - shownValues)} more</li>}
      </ul>
    </details>
  );
}

function Value({ value, of }: { value: FacetValue; of: number }) {
  const share = of > 0 ? (100 * value.count) / of : 0;
  return (
    <a
      class="facet"
      href={formatRoute(['search'], writeState(value.next))}
      aria-current={value.active ? 'true' : undefined}
      title={value.active ? `Lift this filter` : `Only traces with ${value.label}`}
      style={{ '--share': `${share}%` }}
    >
      {value.failed && <span class="dot error-dot" />}
      {value.service !== undefined && <span class={`dot ${colorClass(value.service)}`} />}
      <span class="label">{value.label === '' ? '(empty)' : value.label}</span>
      <span class="count">{value.count}</span>
    </a>
  );
}
