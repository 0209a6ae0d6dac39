/** A stretch of the trace in nanoseconds after its start, half-open. */
export interface TimeSpan {
  readonly start: number;
  readonly end: number;
}

/** Shortest stretch worth looking at: a pixel then is about a nanosecond. */
const shortest = 1000;

/** Keeps a stretch inside [0, total), at least `shortest` long. */
export function clampSpan(span: TimeSpan, total: number): TimeSpan {
  const length = Math.min(Math.max(span.end - span.start, shortest), Math.max(total, 1));
  const start = Math.min(Math.max(span.start, 0), Math.max(total, 1) - length);
  return { start, end: start + length };
}

/** Scales a stretch around a fixed point; a factor below 1 zooms in. */
export function zoomSpan(span: TimeSpan, factor: number, around: number, total: number): TimeSpan {
  const start = around - (around - span.start) * factor;
  return clampSpan({ start, end: start + (span.end - span.start) * factor }, total);
}

/** Where [start, start + duration) lies in the stretch, as percentages; null when outside. */
export function placeOf(span: TimeSpan, start: number, duration: number): { left: number; width: number } | null {
  const scale = 100 / (span.end - span.start);
  const left = (start - span.start) * scale;
  const right = (start + duration - span.start) * scale;
  if (right < 0 || left > 100) return null;
  const from = Math.max(left, 0);
  return { left: from, width: Math.min(right, 100) - from };
}

/** Evenly spaced ticks at round offsets, `count` or fewer, none at the very end. */
export function ticksOf(span: TimeSpan, count: number): number[] {
  const raw = (span.end - span.start) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  const ticks: number[] = [];
  for (let at = Math.ceil(span.start / step) * step; at < span.end; at += step) ticks.push(at);
  return ticks;
}
