import type { Histogram, SearchResult } from '../lib/api.ts';
import { millisOfNanos } from '../lib/format.ts';

/** One bar: a stretch of time in milliseconds, its counts, and its height in percent. */
export interface Bar {
  from: number;
  to: number;
  traces: number;
  failed: number;
  /** Whether the counts are those of a sample. */
  estimated: boolean;
  height: number;
  failedHeight: number;
}

export interface Bars {
  from: number;
  to: number;
  list: Bar[];
}

const buckets = 60;

/** The histogram of an answer that holds every trace there is. */
export function countTraces(result: SearchResult): Histogram {
  const { startUnixNano, endUnixNano, traces } = result;
  const start = millisOfNanos(startUnixNano);
  const length = millisOfNanos(endUnixNano) - start;
  const list = Array.from({ length: buckets }, () => ({ traces: 0, failed: 0, estimated: false }));
  for (const trace of traces) {
    const share = (millisOfNanos(trace.startUnixNano) - start) / length;
    const bucket = list[Math.min(Math.max(Math.floor(share * buckets), 0), buckets - 1)]!;
    bucket.traces++;
    if (trace.errorCount > 0) bucket.failed++;
  }
  return { startUnixNano, endUnixNano, counted: traces.length, buckets: list };
}

/** Bars of a histogram; the highest fills the height, none that counts is too low to see. */
export function barsOf(histogram: Histogram): Bars {
  const from = millisOfNanos(histogram.startUnixNano);
  const to = millisOfNanos(histogram.endUnixNano);
  const step = (to - from) / histogram.buckets.length;
  const highest = Math.max(...histogram.buckets.map(({ traces }) => traces), 1);
  const list = histogram.buckets.map(({ traces, failed, estimated }, i) => {
    const height = traces === 0 ? 0 : Math.max((100 * traces) / highest, 4);
    return {
      from: from + i * step,
      to: from + (i + 1) * step,
      traces,
      failed,
      estimated,
      height,
      failedHeight: traces === 0 ? 0 : (height * failed) / traces,
    };
  });
  return { from, to, list };
}
