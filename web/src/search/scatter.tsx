import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { SearchResult } from '../lib/api.ts';
import { fitCanvas, onResize, resolveColors } from '../lib/canvas.ts';
import { formatClock, formatDate, formatDuration, plural } from '../lib/format.ts';
import { go } from '../lib/location.ts';
import { formatRoute } from '../lib/route.ts';
import { themeEpoch } from '../lib/theme.ts';
import { durationTicks, layOut, radiusOf, timeTicks, type Dot, type Plot } from './plot.ts';

interface Props {
  result: SearchResult;
  newestFirst: boolean;
  pointed: string;
  onPoint: (traceId: string) => void;
  /** Asks for the traces between two instants in milliseconds. */
  onNarrow: (from: number, to: number) => void;
}

/** Room around the dots, in CSS pixels. */
const frame = { left: 52, right: 12, top: 10, bottom: 20 };

/**
 * Start × duration of the found traces. A click opens a trace, a drag narrows
 * the time. The result list below it is the same data for the keyboard and for
 * screen readers.
 */
export function Scatter({ result, newestFirst, pointed, onPoint, onNarrow }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const plot = useMemo(() => layOut(result, newestFirst), [result, newestFirst]);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const epoch = themeEpoch.value;

  useEffect(() => {
    const element = canvas.current!;
    const redraw = (): void => draw(element, plot, pointed);
    redraw();
    return onResize(element, redraw);
  }, [plot, pointed, epoch]);

  const onPointerMove = (event: PointerEvent): void => {
    const at = placeOf(event);
    if (drag) setDrag({ ...drag, to: at.x });
    else onPoint(nearest(plot, at)?.traceId ?? '');
  };
  const onPointerUp = (event: PointerEvent): void => {
    const at = placeOf(event);
    setDrag(null);
    if (drag && Math.abs(at.x - drag.from) > 6) {
      const [low, high] = [Math.min(drag.from, at.x), Math.max(drag.from, at.x)];
      onNarrow(instantAt(plot, low, at.width), instantAt(plot, high, at.width));
      return;
    }
    const dot = nearest(plot, at);
    if (dot) go(formatRoute(['trace', dot.traceId]));
  };

  return (
    <div class="scatter">
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${plural(plot.dots.length, 'trace')} by start and duration, from ${formatDuration(plot.low)} to ${formatDuration(plot.high)}. The list below has the same traces.`}
        style={{ cursor: pointed === '' ? 'crosshair' : 'pointer' }}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          const { x } = placeOf(event);
          setDrag({ from: x, to: x });
        }}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerLeave={() => !drag && onPoint('')}
      />
      {drag && (
        <span class="selection" style={{ left: `${Math.min(drag.from, drag.to)}px`, width: `${Math.abs(drag.to - drag.from)}px` }} />
      )}
    </div>
  );
}

interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

function placeOf(event: PointerEvent): Place {
  const box = (event.currentTarget as Element).getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top, width: box.width, height: box.height };
}

function centreOf(dot: Dot, width: number, height: number): { x: number; y: number } {
  return {
    x: frame.left + dot.x * (width - frame.left - frame.right),
    y: height - frame.bottom - dot.y * (height - frame.top - frame.bottom),
  };
}

function nearest(plot: Plot, at: Place): Dot | null {
  let best: Dot | null = null;
  let bestDistance = 12; // pixels: how near a pointer must come
  for (const dot of plot.dots) {
    const centre = centreOf(dot, at.width, at.height);
    const distance = Math.hypot(centre.x - at.x, centre.y - at.y);
    if (distance < bestDistance) [best, bestDistance] = [dot, distance];
  }
  return best;
}

function instantAt(plot: Plot, x: number, width: number): number {
  const share = (x - frame.left) / (width - frame.left - frame.right);
  return plot.from + Math.min(1, Math.max(0, share)) * (plot.to - plot.from);
}

function draw(canvas: HTMLCanvasElement, plot: Plot, pointed: string): void {
  const fitted = fitCanvas(canvas);
  if (!fitted) return;
  const { context, width, height } = fitted;
  const [dotColor = '', errorColor = '', text = '', grid = ''] = resolveColors(canvas.parentElement!, ['--plot', '--error', '--muted', '--line']);
  context.font = `11px ${getComputedStyle(canvas).fontFamily}`;
  drawAxes(context, plot, { width, height, text, grid });
  for (const dot of plot.dots) {
    const { x, y } = centreOf(dot, width, height);
    const color = dot.failed ? errorColor : dotColor;
    context.beginPath();
    context.arc(x, y, radiusOf(dot.spans), 0, 2 * Math.PI);
    context.globalAlpha = dot.traceId === pointed ? 1 : 0.5;
    context.fillStyle = color;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = dot.traceId === pointed ? 3 : 1;
    context.strokeStyle = color;
    context.stroke();
  }
}

interface Paper {
  width: number;
  height: number;
  text: string;
  grid: string;
}

function drawAxes(context: CanvasRenderingContext2D, plot: Plot, { width, height, text, grid }: Paper): void {
  const inner = { width: width - frame.left - frame.right, height: height - frame.top - frame.bottom };
  context.strokeStyle = grid;
  context.fillStyle = text;
  context.lineWidth = 1;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  const decades = Math.log(plot.high / plot.low);
  for (const tick of durationTicks(plot, Math.max(2, Math.floor(inner.height / 24)))) {
    const y = Math.round(height - frame.bottom - (Math.log(tick / plot.low) / decades) * inner.height) + 0.5;
    line(context, frame.left, y, width - frame.right, y);
    context.fillText(formatDuration(tick), frame.left - 8, y);
  }
  context.textAlign = 'center';
  const long = plot.to - plot.from > 86_400_000;
  for (const tick of timeTicks(plot.from, plot.to, Math.max(2, Math.floor(inner.width / 110)))) {
    const x = Math.round(frame.left + ((tick - plot.from) / (plot.to - plot.from)) * inner.width) + 0.5;
    line(context, x, height - frame.bottom, x, height - frame.bottom + 4);
    const label = long ? `${formatDate(tick).slice(5)} ${formatClock(tick).slice(0, 5)}` : formatClock(tick);
    context.fillText(label, x, height - 7);
  }
}

function line(context: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}
