/** A trace as the server sends it: one array per column, rows in tree order. */
export interface TraceColumns {
  traceId: string;
  startUnixNano: string;
  durationNanos: number;
  spanCount: number;
  notes: { orphans: number; duplicates: number; cycles: number; skewed: number; truncated: number };
  services: string[];
  names: string[];
  spanIds: string;
  start: number[];
  duration: number[];
  depth: number[];
  parent: number[];
  service: number[];
  name: number[];
  kind: number[];
  flags: number[];
}

/** Bits of the flags column. */
export const flag = { error: 1, orphan: 2, cycle: 4, skewed: 8, sharedId: 16 } as const;

export const kinds: readonly string[] = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

/** No row: the parent of a root, and the result of a search without match. */
export const none = -1;

const idDigits = 16;

/**
 * A trace in typed arrays, indexed by row. Rows are in tree order, so the
 * subtree of row r is the run [r, subtreeEnd[r]). There is never an object per
 * span: this is what keeps 100,000 spans quick.
 */
export interface TraceModel {
  readonly header: Omit<TraceColumns, 'spanIds' | 'start' | 'duration' | 'depth' | 'parent' | 'service' | 'name' | 'kind' | 'flags'>;
  readonly rows: number;
  readonly start: Float64Array;
  readonly duration: Float64Array;
  readonly depth: Int32Array;
  readonly parent: Int32Array;
  readonly service: Int32Array;
  readonly name: Int32Array;
  readonly kind: Uint8Array;
  readonly flags: Uint8Array;
  readonly subtreeEnd: Int32Array;
  readonly errorRows: Int32Array;
  readonly spanIds: string;
}

export function buildModel(columns: TraceColumns): TraceModel {
  const { spanIds, start, duration, depth, parent, service, name, kind, flags, ...header } = columns;
  const depths = Int32Array.from(depth);
  return {
    header,
    rows: start.length,
    start: Float64Array.from(start),
    duration: Float64Array.from(duration),
    depth: depths,
    parent: Int32Array.from(parent),
    service: Int32Array.from(service),
    name: Int32Array.from(name),
    kind: Uint8Array.from(kind),
    flags: Uint8Array.from(flags),
    subtreeEnd: subtreeEnds(depths),
    errorRows: rowsWhere(flags.length, (row) => (flags[row]! & flag.error) !== 0),
    spanIds,
  };
}

/** For each row the first later row that is not below it. */
function subtreeEnds(depth: Int32Array): Int32Array {
  const ends = new Int32Array(depth.length);
  const open: number[] = [];
  for (let row = 0; row < depth.length; row++) {
    while (open.length > 0 && depth[open.at(-1)!]! >= depth[row]!) ends[open.pop()!] = row;
    open.push(row);
  }
  for (const row of open) ends[row] = depth.length;
  return ends;
}

export function spanIdOf(model: TraceModel, row: number): string {
  return model.spanIds.slice(row * idDigits, (row + 1) * idDigits);
}

/** The row of a span id, leading zeros optional; none when it is not in the trace. */
export function rowOfSpan(model: TraceModel, id: string): number {
  const wanted = id.toLowerCase().padStart(idDigits, '0');
  if (!/^[0-9a-f]{16}$/.test(wanted)) return none;
  let at = model.spanIds.indexOf(wanted);
  while (at >= 0 && at % idDigits !== 0) at = model.spanIds.indexOf(wanted, at + 1);
  return at < 0 ? none : at / idDigits;
}

export function nameOf(model: TraceModel, row: number): string {
  return model.header.names[model.name[row]!] ?? '';
}

export function serviceOf(model: TraceModel, row: number): string {
  return model.header.services[model.service[row]!] ?? '';
}

export function hasChildren(model: TraceModel, row: number): boolean {
  return model.subtreeEnd[row]! > row + 1;
}

/** Spans per service, by service index. */
export function countByService(model: TraceModel): number[] {
  const counts = new Array<number>(model.header.services.length).fill(0);
  for (const service of model.service) counts[service]!++;
  return counts;
}

/** How deep the tree goes; 1 for roots alone. */
export function maxDepth(model: TraceModel): number {
  let deepest = 0;
  for (const depth of model.depth) if (depth > deepest) deepest = depth;
  return deepest + 1;
}

/**
 * Time of a span that none of its direct children covers. Children are visited
 * in start order, so one pass suffices.
 */
export function selfTime(model: TraceModel, row: number): number {
  const start = model.start[row]!;
  const end = start + model.duration[row]!;
  let covered = 0;
  let reached = start;
  for (let child = row + 1; child < model.subtreeEnd[row]!; child = model.subtreeEnd[child]!) {
    const childEnd = Math.min(end, model.start[child]! + model.duration[child]!);
    const childStart = Math.max(reached, model.start[child]!);
    if (childEnd > childStart) covered += childEnd - childStart;
    if (childEnd > reached) reached = childEnd;
  }
  return end - start - covered;
}

/** Number of direct children. */
export function childCount(model: TraceModel, row: number): number {
  let count = 0;
  for (let child = row + 1; child < model.subtreeEnd[row]!; child = model.subtreeEnd[child]!) count++;
  return count;
}

/**
 * Rows whose operation or service contains the text, whatever its case, or whose
 * span id begins with it. Each distinct name is looked at once.
 */
export function findRows(model: TraceModel, text: string): Int32Array {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return new Int32Array(0);
  const contains = (word: string): boolean => word.toLowerCase().includes(wanted);
  const names = model.header.names.map(contains);
  const services = model.header.services.map(contains);
  const byId = /^[0-9a-f]{4,16}$/.test(wanted);
  return rowsWhere(
    model.rows,
    (row) =>
      names[model.name[row]!]! || services[model.service[row]!]! || (byId && model.spanIds.startsWith(wanted, row * idDigits)),
  );
}

function rowsWhere(rows: number, test: (row: number) => boolean): Int32Array {
  const found: number[] = [];
  for (let row = 0; row < rows; row++) if (test(row)) found.push(row);
  return Int32Array.from(found);
}

/** The match after (or before) a row, going round; none without matches. */
export function nextMatch(matches: Int32Array, from: number, step: 1 | -1): number {
  if (matches.length === 0) return none;
  if (step > 0) return matches.find((row) => row > from) ?? matches[0]!;
  return matches.findLast((row) => row < from) ?? matches.at(-1)!;
}
