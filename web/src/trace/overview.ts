import type { TraceModel } from './model.ts';

export type Rgb = readonly [red: number, green: number, blue: number];

/** Colours of the overview: one per service index, and one for errors. */
export interface Ink {
  services: readonly Rgb[];
  error: Rgb;
}

/**
 * Paints every row of a trace into a picture of `width` × `height` device
 * pixels, time from left to right, rows from top to bottom. Pixels are written
 * directly: 100,000 rows take a few milliseconds, where canvas paths would take
 * ten times that. Long spans first paint faintly what short ones then cover.
 */
export function paintOverview(pixels: Uint8ClampedArray, size: { width: number; height: number }, model: TraceModel, ink: Ink): void {
  const { width, height } = size;
  const scale = width / Math.max(model.header.durationNanos, 1);
  const rowHeight = height / Math.max(model.rows, 1);
  // Few rows get bars with gaps, many rows one pixel line each.
  const thickness = rowHeight >= 3 ? Math.min(Math.floor(rowHeight * 0.7), 8) : 1;
  for (let row = 0; row < model.rows; row++) {
    const left = Math.min(Math.floor(model.start[row]! * scale), width - 1);
    const right = Math.min(Math.max(Math.ceil((model.start[row]! + model.duration[row]!) * scale), left + 1), width);
    const failed = (model.flags[row]! & 1) !== 0;
    const color = failed ? ink.error : ink.services[model.service[row]!]!;
    const top = Math.min(Math.floor(row * rowHeight), height - 1);
    const bottom = Math.min(top + thickness, height);
    for (let y = top; y < bottom; y++) {
      for (let at = 4 * (y * width + left), end = 4 * (y * width + right); at < end; at += 4) {
        pixels[at] = color[0];
        pixels[at + 1] = color[1];
        pixels[at + 2] = color[2];
        pixels[at + 3] = 255;
      }
    }
  }
}
