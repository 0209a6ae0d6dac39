import { useEffect, useMemo } from 'preact/hooks';
import { api, type Red, type ServiceCall, type ServiceGraph, type ServiceNode } from '../lib/api.ts';
import { formatDuration, millisOfNanos, percent, plural } from '../lib/format.ts';
import { go, route } from '../lib/location.ts';
import { useResource } from '../lib/resource.ts';
import { formatRoute } from '../lib/route.ts';
import { colorClass, colorsReady } from '../lib/services.ts';
import { defaults, ranges, writeState } from '../search/state.ts';
import { ErrorPanel } from '../shell/error.tsx';
import { curveOf, formatRate, layOut, radiusOf, strokeOf, type Layout } from './layout.ts';

/** Services and calls drawn at most, the busiest; the tables have as many. */
const mostServices = 150;
const mostCalls = 600;
/** Up to so many calls have their figures beside them; beyond, pointing at one shows its own. */
const mostLabels = 24;
const longestName = 28;

/** Who calls whom, how often, how well and how fast. */
export function MapPage() {
  const { query } = route.value;
  const range = ranges.find(([value]) => value === query.get('range'))?.[0] ?? defaults.range;
  const { value, error, loading } = useResource(range, async (signal) => {
    const [graph] = await Promise.all([api.serviceGraph(new URLSearchParams({ lookback: range }), signal), colorsReady()]);
    return graph;
  });
  useEffect(() => {
    document.title = 'Service map · Pando';
  }, []);
  return (
    <div class="map">
      <div class="map-head">
        <h1>Service map</h1>
        <label>
          Time{' '}
          <select value={range} onChange={(event) => go(formatRoute(['map'], { range: event.currentTarget.value }))}>
            {ranges.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
        {value && <p class="muted">{headline(value)}</p>}
      </div>
      {error && <ErrorPanel error={error} retry />}
      {value && !error && (
        <div class={loading ? 'busy' : ''} aria-busy={loading}>
          <Graph graph={value} range={range} />
        </div>
      )}
    </div>
  );
}

function headline({ services, calls, orphanCount }: ServiceGraph): string {
  const words = [plural(services.length, 'service'), `${plural(calls.length, 'edge')}`];
  if (orphanCount > 0) words.push(`${plural(orphanCount, 'span')} whose parent is not known`);
  return words.join(' · ');
}

function Graph({ graph, range }: { graph: ServiceGraph; range: string }) {
  const seconds = Math.max((millisOfNanos(graph.endUnixNano) - millisOfNanos(graph.startUnixNano)) / 1000, 1);
  const { services, calls } = useMemo(() => busiest(graph), [graph]);
  const layout = useMemo(
    () => layOut(services.map(({ name }) => name), calls),
    [services, calls],
  );
  if (services.length === 0) {
    return (
      <div class="panel centered">
        <h2>No calls in this time</h2>
        <p>Choose a longer one above.</p>
      </div>
    );
  }
  const scene = { layout, seconds, range };
  return (
    <>
      <Drawing services={services} calls={calls} scene={scene} />
      <CallTable calls={calls} scene={scene} />
      <ServiceTable services={services} scene={scene} />
    </>
  );
}

/** What everything drawn shares. */
interface Scene {
  layout: Layout;
  seconds: number;
  range: string;
}

function busiest({ services, calls }: ServiceGraph): { services: ServiceNode[]; calls: ServiceCall[] } {
  const shown = services.toSorted((a, b) => b.spanCount - a.spanCount || (a.name < b.name ? -1 : 1)).slice(0, mostServices);
  const names = new Set(shown.map(({ name }) => name));
  const between = calls.filter(({ parent, child }) => names.has(parent) && names.has(child));
  return { services: shown, calls: between.toSorted((a, b) => b.callCount - a.callCount).slice(0, mostCalls) };
}

function Drawing({ services, calls, scene }: { services: readonly ServiceNode[]; calls: readonly ServiceCall[]; scene: Scene }) {
  const { layout } = scene;
  const mostCalled = Math.max(...services.map(({ callCount }) => callCount), 1);
  const mostUsed = Math.max(...calls.map(({ callCount }) => callCount), 1);
  const radius = new Map(services.map((service) => [service.name, radiusOf(service.callCount, mostCalled)]));
  return (
    <div class="drawing" tabIndex={0} role="region" aria-label="Map of services">
      <svg
        class={calls.length > mostLabels ? 'many' : ''}
        viewBox={`0 0 ${layout.width} ${layout.height}`}
        width={layout.width}
        height={layout.height}
        role="group"
        aria-label={`${plural(services.length, 'service')} and ${plural(calls.length, 'edge')}; the tables below have the same figures`}
      >
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
            <path d="M0 0L8 4L0 8z" />
          </marker>
        </defs>
        {calls.map((call) => (
          <CallLine key={`${call.parent}\n${call.child}`} call={call} width={strokeOf(call.callCount, mostUsed)} radius={radius} scene={scene} />
        ))}
        {services.map((service) => (
          <Service key={service.name} service={service} radius={radius.get(service.name)!} scene={scene} />
        ))}
      </svg>
    </div>
  );
}

function CallLine({ call, width, radius, scene }: { call: ServiceCall; width: number; radius: ReadonlyMap<string, number>; scene: Scene }) {
  const [from, to] = [scene.layout.places.get(call.parent)!, scene.layout.places.get(call.child)!];
  const curve = curveOf(from, to, { from: radius.get(call.parent)!, to: radius.get(call.child)! + 3 });
  const failed = call.errorCount > 0 ? ` ${percent(call.errorCount / call.callCount)} errors` : '';
  const [rate, p95] = [formatRate(call.callCount / scene.seconds), ` p95 ${formatDuration(call.p95Nanos)}`];
  const words = `${call.parent} calls ${call.child}: ${rate}${failed}${p95}`;
  const back = to.x <= from.x;
  // On the curve's last third, where curves of one caller have parted.
  const x = from.x + (to.x - from.x) * 0.62;
  const y = back ? Math.max(from.y, to.y) + 62 : from.y + (to.y - from.y) * 0.68;
  return (
    <a class={`call ${tone(call)}`} href={callHref(call, scene.range)} aria-label={words}>
      <title>{words}</title>
      <path class="hit" d={curve} />
      <path class="line" d={curve} stroke-width={width} marker-end="url(#arrow)" />
      <text x={x} y={y - 5} text-anchor="middle">
        {rate}
        <tspan class="bad">{failed}</tspan>
        {p95}
      </text>
    </a>
  );
}

function Service({ service, radius, scene }: { service: ServiceNode; radius: number; scene: Scene }) {
  const { x, y } = scene.layout.places.get(service.name)!;
  const name = shortened(service.name || '(no service)');
  const failed = service.errorCount > 0 ? ` ${percent(service.errorCount / service.callCount)} errors` : '';
  const rate = service.callCount > 0 ? formatRate(service.callCount / scene.seconds) : 'not called';
  const words = `${name} ${rate}${failed}${service.callCount > 0 ? `, p95 ${formatDuration(service.p95Nanos)}` : ''}`;
  return (
    <a class={`service-node ${tone(service)} ${colorClass(service.name)}`} href={serviceHref(service.name, scene.range)} aria-label={words}>
      <title>{service.name}</title>
      <circle class="core" cx={x} cy={y} r={radius} />
      <text text-anchor="middle">
        <tspan class="name" x={x} y={y + radius + 14}>
          {name}
        </tspan>{' '}
        <tspan x={x} y={y + radius + 28}>
          {rate}
        </tspan>
        <tspan class="bad">{failed}</tspan>
      </text>
    </a>
  );
}

/** A name cut to what the drawing has room for. */
function shortened(name: string): string {
  return name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name;
}

/** The colour of a share of errors: none, some, or one in a hundred and more. */
function tone({ callCount, errorCount }: Red): string {
  if (errorCount === 0) return 'well';
  return errorCount / callCount < 0.01 ? 'some' : 'ill';
}

const serviceHref = (service: string, range: string): string => formatRoute(['search'], writeState({ ...defaults, service, range }));

/** The calls' spans: what the called service did for others. */
const callHref = ({ child }: ServiceCall, range: string): string =>
  formatRoute(['search'], writeState({ ...defaults, service: child, filter: 'kind in (server, consumer)', range }));

function CallTable({ calls, scene }: { calls: readonly ServiceCall[]; scene: Scene }) {
  if (calls.length === 0) return null;
  return (
    <section>
      <h2>Calls</h2>
      <div class="scroll">
        <table class="data" aria-label="Calls">
          <thead>
            <tr>
              <th scope="col">Caller</th>
              <th scope="col">Called</th>
              <RedHeads />
            </tr>
          </thead>
          <tbody>
            {calls.map((call) => (
              <tr key={`${call.parent}\n${call.child}`}>
                <td>
                  <span class={`dot ${colorClass(call.parent)}`} /> {call.parent || '(no service)'}
                </td>
                <td>
                  <span class={`dot ${colorClass(call.child)}`} /> <a href={callHref(call, scene.range)}>{call.child || '(no service)'}</a>
                </td>
                <RedCells red={call} seconds={scene.seconds} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function ServiceTable({ services, scene }: { services: readonly ServiceNode[]; scene: Scene }) {
  return (
    <section>
      <h2>Services</h2>
      <div class="scroll">
        <table class="data" aria-label="Services">
          <thead>
            <tr>
              <th scope="col">Service</th>
              <RedHeads />
            </tr>
          </thead>
          <tbody>
            {services.map((service) => (
              <tr key={service.name}>
                <td>
                  <span class={`dot ${colorClass(service.name)}`} /> <a href={serviceHref(service.name, scene.range)}>{service.name || '(no service)'}</a>
                </td>
                <RedCells red={service} seconds={scene.seconds} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function RedHeads() {
  return (
    <>
      {['Rate', 'Errors', 'p50', 'p95', 'p99'].map((label) => (
        <th key={label} scope="col" class="number">
          {label}
        </th>
      ))}
    </>
  );
}

function RedCells({ red, seconds }: { red: Red; seconds: number }) {
  if (red.callCount === 0) {
    return (
      <td class="number muted" colSpan={5}>
        not called
      </td>
    );
  }
  return (
    <>
      <td class="number">{formatRate(red.callCount / seconds)}</td>
      <td class={red.errorCount > 0 ? 'number failed' : 'number'}>{percent(red.errorCount / red.callCount)}</td>
      <td class="number">{formatDuration(red.p50Nanos)}</td>
      <td class="number">{formatDuration(red.p95Nanos)}</td>
      <td class="number">{formatDuration(red.p99Nanos)}</td>
    </>
  );
}
