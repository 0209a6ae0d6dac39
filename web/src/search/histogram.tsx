import { useMemo, useRef, useState } from 'preact/hooks';
import { api, type Histogram, type SearchResult } from '../lib/api.ts';
import { formatClock, formatCount, formatDate, plural } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { barsOf, countTraces, type Bar, type Bars } from './bars.ts';
import { toConditions, within, type SearchState } from './state.ts';

interface Props {
  state: SearchState;
  /** The first page of the search. */
  first: SearchResult;
  /** Asks for the traces between two instants in milliseconds. */
  onNarrow: (from: number, to: number) => void;
}

/** How many traces match over time. A drag over the bars, or Enter on one, narrows the time. */
export function HistogramBars({ state, first, onNarrow }: Props) {
  const whole = first.nextToken === '';
  const own = useMemo(() => (whole ? countTraces(first) : undefined), [first]);
  const request = within(toConditions(state), first).toString();
  const counted = useResource<Histogram>(whole ? '' : request, (signal) => api.histogram(new URLSearchParams(request), signal));
  const histogram = own ?? counted.value;
  const bars = useMemo(() => histogram && barsOf(histogram), [histogram]);
  if (counted.error) return null; // the list below says as much
  return (
    <section class="histogram" aria-label="Traces over time">
      {bars && <BarRow bars={bars} onNarrow={onNarrow} />}
      {bars && (
        <p class="axis muted">
          <span>{instant(bars, bars.from)}</span>
          <span>{bars.list.some(({ estimated }) => estimated) && 'traces over time, estimated from samples'}</span>
          <span>{instant(bars, bars.to)}</span>
        </p>
      )}
    </section>
  );
}

function BarRow({ bars, onNarrow }: { bars: Bars; onNarrow: (from: number, to: number) => void }) {
  const [focused, setFocused] = useState(0);
  const [brush, setBrush] = useState<{ from: number; to: number } | null>(null);
  const row = useRef<HTMLDivElement>(null);
  const shareAt = (event: PointerEvent): number => {
    const box = row.current!.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const timeAt = (share: number): number => bars.from + share * (bars.to - bars.from);
  const onPointerUp = (): void => {
    setBrush(null);
    if (brush && Math.abs(brush.to - brush.from) > 0.005) onNarrow(timeAt(Math.min(brush.from, brush.to)), timeAt(Math.max(brush.from, brush.to)));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = Math.min(Math.max(focused + step, 0), bars.list.length - 1);
    setFocused(next);
    (row.current!.children[next] as HTMLElement).focus();
  };
  return (
    <div
      ref={row}
      class="bars-row"
      role="group"
      aria-label="Narrow the time to a bar"
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        setBrush({ from: shareAt(event), to: shareAt(event) });
      }}
      onPointerMove={(event) => brush && setBrush({ ...brush, to: shareAt(event) })}
      onPointerUp={onPointerUp}
    >
      {bars.list.map((bar, i) => (
        <button
          type="button"
          key={i}
          tabIndex={i === focused ? 0 : -1}
          aria-label={`${instant(bars, bar.from)} to ${instant(bars, bar.to)}: ${countOf(bar)}`}
          title={`${instant(bars, bar.from)}: ${countOf(bar)}`}
          onFocus={() => setFocused(i)}
          // Presses of a key have no clicks to count; those of a pointer are a brush.
          onClick={(event) => event.detail === 0 && onNarrow(bar.from, bar.to)}
        >
          <span class="ok" style={{ height: `${bar.height - bar.failedHeight}%` }} />
          <span class="bad" style={{ height: `${bar.failedHeight}%` }} />
        </button>
      ))}
      {brush && <span class="selection" style={{ left: `${100 * Math.min(brush.from, brush.to)}%`, width: `${100 * Math.abs(brush.to - brush.from)}%` }} />}
    </div>
  );
}

function countOf({ traces, failed, estimated }: Bar): string {
  const count = `${estimated ? 'about ' : ''}${plural(traces, 'trace')}`;
  return failed > 0 ? `${count}, ${formatCount(failed)} with errors` : count;
}

function instant(bars: Bars, ms: number): string {
  return bars.to - bars.from >= 86_400_000 ? `${formatDate(ms).slice(5)} ${formatClock(ms).slice(0, 5)}` : formatClock(ms);
}
