import type { ComponentChildren } from 'preact';
import { api, isOffline, type Attribute, type SpanDetails, type SpanEvent, type SpanLink } from '../lib/api.ts';
import { formatCount, formatDate, formatDuration, formatTime, millisOfNanos, percent, plural } from '../lib/format.ts';
import { formatTags, searchable } from '../lib/logfmt.ts';
import { useResource } from '../lib/resource.ts';
import { formatRoute } from '../lib/route.ts';
import { CopyButton } from '../shell/copy.tsx';
import { ErrorPanel } from '../shell/error.tsx';
import { icons } from '../shell/icons.tsx';
import { criticalTime } from './critical.ts';
import { childCount, kinds, nameOf, none, selfTime, serviceOf, spanIdOf, type TraceModel } from './model.ts';
import type { TraceState } from './state.ts';

/** How long the cursor rests before its span is fetched. */
const restMillis = 60;

/** Everything known of the current span. What the columns hold shows at once, the rest is fetched. */
export function Details({ state }: { state: TraceState }) {
  const { model, cursor: row } = state;
  const { traceId } = model.header;
  const spanId = spanIdOf(model, row);
  const loaded = useResource(`${traceId} ${row}`, async (signal) => {
    await rest(signal);
    return { row, span: choose(model, row, await api.spans(traceId, spanId, signal)) };
  });
  const span = loaded.value?.row === row ? loaded.value.span : undefined;
  return (
    <aside class="details" aria-label="Span details">
      <header>
        <div>
          <span class="service">{serviceOf(model, row) || '(no service)'}</span>
          <h2>{nameOf(model, row) || '(no name)'}</h2>
        </div>
        <button type="button" class="ghost" aria-label="Close the details" onClick={() => closeAndReturn(state)}>
          {icons.close}
        </button>
      </header>
      <Facts state={state} row={row} span={span} />
      {loaded.error && <ErrorPanel error={loaded.error} />}
      {span && <Sections span={span} state={state} />}
    </aside>
  );
}

function closeAndReturn(state: TraceState): void {
  state.close();
  document.getElementById('timeline')?.focus();
}

function rest(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = window.setTimeout(resolve, restMillis);
    signal.addEventListener('abort', () => {
      window.clearTimeout(timer);
      reject(new DOMException('aborted', 'AbortError'));
    });
  });
}

/** Spans may share an id: takes the one the row shows. */
function choose(model: TraceModel, row: number, spans: SpanDetails[]): SpanDetails | undefined {
  const kind = kinds[model.kind[row]!];
  const name = nameOf(model, row);
  const fits = spans.filter((span) => span.kind === kind && span.name === name);
  return fits.find((span) => span.durationNanos === model.duration[row]) ?? fits[0] ?? spans[0];
}

function Facts({ state, row, span }: { state: TraceState; row: number; span: SpanDetails | undefined }) {
  const { model } = state;
  const critical = criticalTime(state.path.value, row);
  const start = millisOfNanos(model.header.startUnixNano) + model.start[row]! / 1e6;
  const spanId = spanIdOf(model, row);
  return (
    <dl class="facts">
      <Fact name="Duration">
        <strong>{formatDuration(model.duration[row]!)}</strong> <span class="muted">{percent(model.duration[row]! / Math.max(state.total, 1))} of the trace</span>
      </Fact>
      <Fact name="Self time">{formatDuration(selfTime(model, row))}</Fact>
      <Fact name="Critical">
        {formatDuration(critical)} <span class="muted">{percent(critical / Math.max(state.total, 1))} of the trace</span>
      </Fact>
      <Fact name="Start">
        +{formatDuration(model.start[row]!)} <span class="muted">{`${formatDate(start)} ${formatTime(start)}`}</span>
      </Fact>
      <Fact name="Kind">{kinds[model.kind[row]!] ?? 'unspecified'}</Fact>
      {span && span.statusCode !== 'unset' && (
        <Fact name="Status" failed={span.statusCode === 'error'}>
          {span.statusCode}
          {span.statusMessage !== '' && `: ${span.statusMessage}`}
        </Fact>
      )}
      <Fact name="Span id">
        <code>{spanId}</code>
        <CopyButton text={spanId} label="Copy the span id" />
      </Fact>
      <Parent state={state} row={row} span={span} />
      <Fact name="Children">{formatCount(childCount(model, row))}</Fact>
      {span && span.traceState !== '' && (
        <Fact name="Trace state">
          <code>{span.traceState}</code>
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, failed, children }: { name: string; failed?: boolean; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd class={failed ? 'failed' : ''}>{children}</dd>
    </>
  );
}

/** A way to the parent, or the id of one that is not here. */
function Parent({ state, row, span }: { state: TraceState; row: number; span: SpanDetails | undefined }) {
  const parent = state.model.parent[row]!;
  if (parent !== none) {
    return (
      <Fact name="Parent">
        <button type="button" class="link" onClick={() => state.goTo(parent)}>
          {nameOf(state.model, parent)}
        </button>
      </Fact>
    );
  }
  if (!span || span.parentSpanId === '') return null;
  return (
    <Fact name="Parent">
      <code>{span.parentSpanId}</code> <span class="muted">not in this trace</span>
    </Fact>
  );
}

function Sections({ span, state }: { span: SpanDetails; state: TraceState }) {
  const { resource, scope } = span;
  return (
    <>
      <Section title="Attributes" count={span.attributes.length} dropped={span.droppedAttributes}>
        <Attributes list={span.attributes} />
      </Section>
      <Section title="Events" count={span.events.length} dropped={span.droppedEvents}>
        {span.events.map((event, i) => (
          <Event key={i} event={event} />
        ))}
      </Section>
      <Section title="Links" count={span.links.length} dropped={span.droppedLinks}>
        {span.links.map((link, i) => (
          <Link key={i} link={link} state={state} />
        ))}
      </Section>
      <Section title="Resource (process)" count={resource.attributes.length} dropped={resource.droppedAttributes}>
        <Attributes list={resource.attributes} />
      </Section>
      <Section title="Scope" count={scope.name === '' ? scope.attributes.length : scope.attributes.length + 1} dropped={scope.droppedAttributes}>
        {scope.name !== '' && (
          <p class="scope">
            <code>{scope.name}</code> {scope.version}
          </p>
        )}
        <Attributes list={scope.attributes} />
      </Section>
      <p class="raw">
        <CopyButton text={JSON.stringify(span, null, 2)} label="Copy the span as JSON" /> Copy as JSON
      </p>
    </>
  );
}

interface SectionProps {
  title: string;
  count: number;
  dropped: number;
  children: ComponentChildren;
}

function Section({ title, count, dropped, children }: SectionProps) {
  if (count === 0 && dropped === 0) return null;
  return (
    <details open>
      <summary>
        {title} <span class="muted">{formatCount(count)}</span>
      </summary>
      {children}
      {dropped > 0 && <p class="muted">{formatCount(dropped)} more were dropped by the sender.</p>}
    </details>
  );
}

function Attributes({ list }: { list: readonly Attribute[] }) {
  if (list.length === 0) return null;
  return (
    <table class="attributes">
      <tbody>
        {list.map((attribute, i) => {
          const { key, type, value } = attribute;
          return (
            <tr key={i}>
              <th scope="row">{key === '' ? '(empty)' : breakable(key)}</th>
              <td>
                <span class={`value ${type}`}>{value === '' ? '(empty)' : value}</span>
                <span class="type">{type}</span>
              </td>
              <td class="tools">
                {!isOffline() && searchable(attribute) && (
                  <a
                    class="ghost button"
                    href={formatRoute(['search'], { tags: formatTags([{ key, value }]) })}
                    aria-label={`Search traces with this ${key}`}
                    title={`Search traces with this ${key}`}
                  >
                    {icons.filter}
                  </a>
                )}
                <CopyButton text={value} label={`Copy the value of ${key || 'the empty key'}`} />
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** "+5 ms" after the span's start, "−5 ms" before it. */
function signed(nanos: number): string {
  return `${nanos < 0 ? '' : '+'}${formatDuration(nanos)}`;
}

/** Lets a long dotted key break after its dots. */
function breakable(key: string): ComponentChildren {
  return key.split(/(?<=[._])/).map((part, i) => (i === 0 ? part : [<wbr key={i} />, part]));
}

function Event({ event }: { event: SpanEvent }) {
  return (
    <div class="event">
      <h3>
        {event.name || '(no name)'} <span class="muted">{event.timeUnixNano === '0' ? 'no time' : signed(event.offsetNanos)}</span>
      </h3>
      <Attributes list={event.attributes} />
      {event.droppedAttributes > 0 && <p class="muted">{plural(event.droppedAttributes, 'attribute')} dropped by the sender.</p>}
    </div>
  );
}

function Link({ link, state }: { link: SpanLink; state: TraceState }) {
  const here = link.traceId === state.model.header.traceId;
  return (
    <div class="event">
      <h3>
        {here ? (
          <button type="button" class="link" onClick={() => state.openSpan(link.spanId)}>
            Span of this trace
          </button>
        ) : isOffline() ? (
          <code>{link.traceId}</code>
        ) : (
          <a href={formatRoute(['trace', link.traceId], { span: link.spanId })}>Trace {link.traceId.slice(0, 8)}…</a>
        )}{' '}
        <code class="muted">{link.spanId}</code>
      </h3>
      <Attributes list={link.attributes} />
      {link.droppedAttributes > 0 && <p class="muted">{plural(link.droppedAttributes, 'attribute')} dropped by the sender.</p>}
    </div>
  );
}
