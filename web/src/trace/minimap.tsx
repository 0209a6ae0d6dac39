import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { fitCanvas, onResize, resolveColors } from '../lib/canvas.ts';
import { formatDuration, plural } from '../lib/format.ts';
import { slotOf } from '../lib/services.ts';
import { themeEpoch } from '../lib/theme.ts';
import { paintOverview, type Ink, type Rgb } from './overview.ts';
import type { TraceState } from './state.ts';

/** The whole trace at a glance. A drag zooms into a stretch of time, a double click shows all. */
export function Minimap({ state }: { state: TraceState }) {
  const { model, total } = state;
  const canvas = useRef<HTMLCanvasElement>(null);
  const colors = useMemo(() => model.header.services.map(slotOf), [model]);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const epoch = themeEpoch.value;

  useEffect(() => {
    const element = canvas.current!;
    const redraw = (): void => {
      const fitted = fitCanvas(element);
      if (!fitted) return;
      const image = fitted.context.createImageData(element.width, element.height);
      paintOverview(image.data, image, model, inkOf(element.parentElement!, colors));
      fitted.context.putImageData(image, 0, 0);
    };
    redraw();
    return onResize(element, redraw);
  }, [model, epoch]);

  const shareAt = (event: PointerEvent): number => {
    const box = canvas.current!.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const onPointerUp = (): void => {
    setDrag(null);
    if (!drag || Math.abs(drag.to - drag.from) < 0.003) return;
    state.show({ start: Math.min(drag.from, drag.to) * total, end: Math.max(drag.from, drag.to) * total });
  };
  const percent = (share: number): string => `${100 * share}%`;
  const left = state.range.start / Math.max(total, 1);
  const right = state.range.end / Math.max(total, 1);
  return (
    <div class="minimap" onDblClick={() => state.showAll()}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={`Overview of ${plural(model.rows, 'span')} in ${formatDuration(total)}. The table below has the same spans.`}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: shareAt(event), to: shareAt(event) });
        }}
        onPointerMove={(event) => drag && setDrag({ ...drag, to: shareAt(event) })}
        onPointerUp={onPointerUp}
      />
      <Here state={state} />
      {left > 0 && <span class="shade" style={{ left: 0, width: percent(left) }} />}
      {right < 1 && <span class="shade" style={{ left: percent(right), right: 0 }} />}
      {drag && <span class="selection" style={{ left: percent(Math.min(drag.from, drag.to)), width: percent(Math.abs(drag.to - drag.from)) }} />}
    </div>
  );
}

/** The rows on screen, as a band. */
function Here({ state }: { state: TraceState }) {
  const { first, end } = state.onScreen.value;
  const { visible } = state.fold;
  if (end - first >= visible.length) return null;
  const rows = Math.max(state.model.rows, 1);
  const top = (visible[first] ?? 0) / rows;
  const bottom = ((visible[Math.min(end, visible.length - 1)] ?? 0) + 1) / rows;
  return <span class="here" style={{ top: `${100 * top}%`, height: `max(2px, ${100 * (bottom - top)}%)` }} />;
}

function inkOf(element: Element, slots: readonly number[]): Ink {
  const [error = '', ...services] = resolveColors(element, ['--error', ...slots.map((slot) => `--svc-${slot}`)]);
  const rgb = rgbReader();
  return { error: rgb(error), services: services.map(rgb) };
}

/** Reads any CSS colour by painting one pixel with it. */
function rgbReader(): (color: string) => Rgb {
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const known = new Map<string, Rgb>();
  return (color) => {
    const seen = known.get(color);
    if (seen || !context) return seen ?? [128, 128, 128];
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
    known.set(color, [red, green, blue]);
    return [red, green, blue];
  };
}
