import type { SearchResult } from '../lib/api.ts';
import { millisOfNanos } from '../lib/format.ts';

/** One trace as a dot, in units of the plot: 0 to 1 from left and from below. */
export interface Dot {
  traceId: string;
  x: number;
  y: number;
  spans: number;
  failed: boolean;
}

export interface Plot {
  dots: Dot[];
  /** Milliseconds of the left and right edge. */
  from: number;
  to: number;
  /** Nanoseconds of the lower and upper edge; durations are spaced by their logarithm. */
  low: number;
  high: number;
}

/**
 * Places traces by start and duration. The upper and lower edges are powers of
 * ten; left and right are those of the search. The newest traces up to a limit
 * tell nothing of the time before them, so there the oldest is the left edge.
 */
export function layOut(result: SearchResult, newestFirst: boolean): Plot {
  const { traces } = result;
  const cut = newestFirst && result.nextToken !== '';
  const starts = traces.map((trace) => millisOfNanos(trace.startUnixNano));
  const oldest = Math.min(...starts);
  const to = Math.max(millisOfNanos(result.endUnixNano), ...starts);
  const searched = millisOfNanos(result.startUnixNano);
  const from = Math.min(cut ? oldest - (to - oldest) * 0.02 : searched, oldest, to - 1);
  const durations = traces.map((trace) => Math.max(trace.durationNanos, 1));
  const low = 10 ** Math.floor(Math.log10(Math.min(...durations)));
  const high = Math.max(low * 10, 10 ** Math.ceil(Math.log10(Math.max(...durations))));
  const scale = Math.log(high / low);
  const dots = traces.map((trace, i) => ({
    traceId: trace.traceId,
    x: (starts[i]! - from) / (to - from),
    y: Math.log(durations[i]! / low) / scale,
    spans: trace.spanCount,
    failed: trace.errorCount > 0,
  }));
  return { dots, from, to, low, high };
}

/** Radius of a dot: its area follows the logarithm of the span count. */
export function radiusOf(spans: number): number {
  return Math.min(2.5 + Math.log10(Math.max(spans, 1)) * 1.4, 9);
}

/** Powers of ten between the edges, at most `most` of them. */
export function durationTicks(plot: Plot, most: number): number[] {
  const decades = Math.round(Math.log10(plot.high / plot.low));
  const step = Math.ceil(decades / most);
  const ticks: number[] = [];
  for (let i = 0; i <= decades; i += step) ticks.push(plot.low * 10 ** i);
  return ticks;
}

const minute = 60_000;
const timeSteps = [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400].map((s) => s * 1000);

/** Round local times between two instants in milliseconds, at most `most` of them. */
export function timeTicks(from: number, to: number, most: number): number[] {
  const step = timeSteps.find((s) => (to - from) / s <= most) ?? Math.ceil((to - from) / most / 86_400_000) * 86_400_000;
  const shift = new Date(from).getTimezoneOffset() * minute;
  const ticks: number[] = [];
  for (let at = Math.ceil((from - shift) / step) * step + shift; at < to; at += step) ticks.push(at);
  return ticks;
}
