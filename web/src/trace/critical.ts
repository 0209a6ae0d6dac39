import type { TraceModel } from './model.ts';
import type { TimeSpan } from './range.ts';

/**
 * The critical path: the stretches of time in which shortening a span would
 * shorten the trace. Segments of row r are [offsets[r], offsets[r + 1]) of start
 * and end, latest first.
 */
export interface CriticalPath {
  readonly offsets: Int32Array;
  readonly start: Float64Array;
  readonly end: Float64Array;
}

/**
 * Walks back from the end of the first root: the child that ended last was what
 * its parent waited for, until that child began; before that, the child that
 * ended last before then, and so on. What no child explains is the span's own.
 * Children are cut to the time of their parent: the path covers the root's
 * duration exactly once.
 *
 * The method is that of CRISP (Zhang et al., USENIX ATC 2022).
 */
export function criticalPath(model: TraceModel): CriticalPath {
  const found: Found = { row: [], start: [], end: [] };
  const waiting: [row: number, from: number, until: number][] = [];
  if (model.rows > 0) waiting.push([0, model.start[0]!, model.start[0]! + model.duration[0]!]);
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [row, from, until] = next;
    let at = until;
    for (const child of childrenByEnd(model, row)) {
      const start = Math.max(model.start[child]!, from);
      const end = Math.min(model.start[child]! + model.duration[child]!, until);
      if (end > at || start >= end) continue; // ran beside what was chosen
      add(found, row, end, at);
      waiting.push([child, start, end]);
      at = start;
    }
    add(found, row, from, at);
  }
  return byRow(model.rows, found);
}

/** How long a row is on the path. */
export function criticalTime(path: CriticalPath, row: number): number {
  let total = 0;
  for (let i = path.offsets[row]!; i < path.offsets[row + 1]!; i++) total += path.end[i]! - path.start[i]!;
  return total;
}

/** A stretch of a row that is on the path, or mostly so: `critical` of it is. */
export interface Segment extends TimeSpan {
  readonly critical: number;
}

/** Segments of a row inside a stretch of time, latest first, those closer than `gap` joined. */
export function segmentsOf(path: CriticalPath, row: number, view: TimeSpan, gap: number): Segment[] {
  const joined: Segment[] = [];
  for (let i = path.offsets[row]!; i < path.offsets[row + 1]!; i++) {
    const [start, end] = [path.start[i]!, path.end[i]!];
    if (end < view.start || start > view.end) continue;
    const later = joined.at(-1);
    if (later && later.start - end < gap) joined[joined.length - 1] = { start, end: later.end, critical: later.critical + end - start };
    else joined.push({ start, end, critical: end - start });
  }
  return joined;
}

interface Found {
  row: number[];
  start: number[];
  end: number[];
}

function add(found: Found, row: number, start: number, end: number): void {
  if (end <= start) return;
  found.row.push(row);
  found.start.push(start);
  found.end.push(end);
}

/** Direct children, the one that ends last first. */
function childrenByEnd(model: TraceModel, row: number): number[] {
  const children: number[] = [];
  for (let child = row + 1; child < model.subtreeEnd[row]!; child = model.subtreeEnd[child]!) children.push(child);
  const end = (child: number): number => model.start[child]! + model.duration[child]!;
  return children.sort((a, b) => end(b) - end(a));
}

/** Sorts segments by row, keeping the order within a row. */
function byRow(rows: number, found: Found): CriticalPath {
  const offsets = new Int32Array(rows + 1);
  for (const row of found.row) offsets[row + 1]!++;
  for (let row = 0; row < rows; row++) offsets[row + 1]! += offsets[row]!;
  const at = offsets.slice();
  const start = new Float64Array(found.row.length);
  const end = new Float64Array(found.row.length);
  found.row.forEach((row, i) => {
    const place = at[row]!++;
    start[place] = found.start[i]!;
    end[place] = found.end[i]!;
  });
  return { offsets, start, end };
}
