import { useMemo, useState } from 'preact/hooks';
import type { Summary } from '../lib/api.ts';
import { formatAgo, formatCount, formatDate, formatDuration, formatTime, millisOfNanos, plural } from '../lib/format.ts';
import { formatRoute } from '../lib/route.ts';
import { colorClass } from '../lib/services.ts';
import { icons } from '../shell/icons.tsx';

interface Props {
  traces: readonly Summary[];
  /** The trace under the pointer, here or in the plot. */
  pointed: string;
  onPoint: (traceId: string) => void;
}

/** One row per trace; every row is a link, and two can be chosen to compare. Arrow keys go up and down. */
export function ResultList({ traces, pointed, onPoint }: Props) {
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const toggle = (id: string): void => setChosen((was) => (was.includes(id) ? was.filter((one) => one !== id) : [...was, id].slice(-2)));
  const longest = traces.reduce((most, { durationNanos }) => Math.max(most, durationNanos), 1);
  return (
    <>
      <ul class="traces" aria-label="Traces" onKeyDown={moveFocus}>
        {traces.map((trace) => (
          <Item
            key={trace.traceId}
            trace={trace}
            longest={longest}
            pointed={pointed === trace.traceId}
            chosen={chosen.includes(trace.traceId)}
            onPoint={onPoint}
            onToggle={toggle}
          />
        ))}
      </ul>
      <CompareBar chosen={chosen} onClear={() => setChosen([])} />
    </>
  );
}

interface ItemProps {
  trace: Summary;
  longest: number;
  pointed: boolean;
  chosen: boolean;
  onPoint: (traceId: string) => void;
  onToggle: (traceId: string) => void;
}

/** Drawn anew only when it changes: a list may have grown by many pages. */
function Item({ trace, longest, pointed, chosen, onPoint, onToggle }: ItemProps) {
  const { traceId, rootOperation, startUnixNano } = trace;
  return useMemo(
    () => (
      <li>
        <a
          href={formatRoute(['trace', traceId])}
          class={pointed ? 'trace-row pointed' : 'trace-row'}
          onMouseEnter={() => onPoint(traceId)}
          onMouseLeave={() => onPoint('')}
        >
          <Row trace={trace} longest={longest} />
        </a>
        <input
          type="checkbox"
          class="pick"
          aria-label={`Choose ${rootOperation || 'this trace'} of ${formatTime(millisOfNanos(startUnixNano))} to compare`}
          title="Choose two traces to compare"
          checked={chosen}
          onChange={() => onToggle(traceId)}
        />
      </li>
    ),
    [trace, longest, pointed, chosen],
  );
}

/** What to do with the chosen traces. */
function CompareBar({ chosen: [a, b], onClear }: { chosen: readonly string[]; onClear: () => void }) {
  if (a === undefined) return null;
  return (
    <p class="compare-bar" role="status">
      {b === undefined ? (
        'Choose another trace to compare with.'
      ) : (
        <a class="button primary" href={formatRoute(['compare', a, b])}>
          Compare the two chosen traces
        </a>
      )}
      <button type="button" onClick={onClear}>
        Choose none
      </button>
    </p>
  );
}

function Row({ trace, longest }: { trace: Summary; longest: number }) {
  const start = millisOfNanos(trace.startUnixNano);
  return (
    <>
      <span class="what">
        <span class={`dot ${colorClass(trace.rootService)}`} />
        <span class="service">{trace.rootService || '(no service)'}</span>
        <span class="operation">{trace.rootOperation || '(no name)'}</span>
        {trace.orphanCount > 0 && (
          <span class="badge" title={`${plural(trace.orphanCount, 'span')} without a known parent`}>
            incomplete
          </span>
        )}
      </span>
      <span class="duration">
        <span class="share" style={{ width: `${Math.max(1, (100 * trace.durationNanos) / longest)}%` }} />
        <span>{formatDuration(trace.durationNanos)}</span>
      </span>
      <span class="spans">{plural(trace.spanCount, 'span')}</span>
      <span class="errors">
        {trace.errorCount > 0 && (
          <>
            {icons.error}
            {plural(trace.errorCount, 'error')}
          </>
        )}
      </span>
      <span class="when" title={`${formatDate(start)} ${formatTime(start)}`}>
        {formatTime(start)} <span class="ago">{formatAgo(start, Date.now())}</span>
      </span>
      <span class="chips">
        {trace.services.slice(0, 12).map((service) => (
          <span key={service.name} class={service.errorCount > 0 ? 'chip failed' : 'chip'}>
            <span class={`dot ${colorClass(service.name)}`} />
            {service.name} <span class="n">{formatCount(service.spanCount)}</span>
          </span>
        ))}
        {trace.services.length > 12 && <span class="chip">+{trace.services.length - 12}</span>}
      </span>
    </>
  );
}

const steps: Readonly<Record<string, number>> = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };

function moveFocus(event: KeyboardEvent): void {
  const step = steps[event.key];
  if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  const links = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('a')];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const next = links[at + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
