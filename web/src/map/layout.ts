/** A service or a call to lay out, by names. */
export interface Edge {
  parent: string;
  child: string;
}

export interface Place {
  name: string;
  layer: number;
  x: number;
  y: number;
}

export interface Layout {
  places: Map<string, Place>;
  width: number;
  height: number;
}

/** Distances between centres, and the margin, in units of the drawing. */
const column = 290;
const line = 92;
const margin = 90;
const sweeps = 8;

/**
 * Places services in layers from left to right, callers before the called: the
 * method of Sugiyama et al. (1981) in its plain form. Circles are cut where a walk
 * from the callers meets itself, a layer is the longest way from a caller, and
 * the order within layers follows the mean of the neighbours, swept to and fro.
 */
export function layOut(names: readonly string[], edges: readonly Edge[]): Layout {
  const forward = withoutCircles(names, edges);
  const layerOf = layers(names, forward);
  const byLayer: string[][] = [];
  for (const name of names) (byLayer[layerOf.get(name)!] ??= []).push(name);
  order(byLayer, forward);
  const tallest = Math.max(...byLayer.map((layer) => layer.length), 1);
  const places = new Map<string, Place>();
  byLayer.forEach((layer, i) => {
    const top = margin + ((tallest - layer.length) * line) / 2;
    layer.forEach((name, k) => places.set(name, { name, layer: i, x: margin + i * column, y: top + k * line }));
  });
  return { places, width: 2 * margin + Math.max(byLayer.length - 1, 0) * column, height: 2 * margin + (tallest - 1) * line };
}

/** The edges that lead forward: those that close a circle, and calls of oneself, are left out. */
function withoutCircles(names: readonly string[], edges: readonly Edge[]): Edge[] {
  const children = new Map<string, string[]>(names.map((name) => [name, []]));
  const called = new Set<string>();
  for (const { parent, child } of edges) {
    if (parent === child || !children.has(parent) || !children.has(child)) continue;
    children.get(parent)!.push(child);
    called.add(child);
  }
  const state = new Map<string, 'open' | 'done'>();
  const kept: Edge[] = [];
  const walk = (root: string): void => {
    const stack: { name: string; next: number }[] = [{ name: root, next: 0 }];
    state.set(root, 'open');
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const child = children.get(top.name)![top.next++];
      if (child === undefined) {
        state.set(top.name, 'done');
        stack.pop();
      } else if (state.get(child) !== 'open') {
        kept.push({ parent: top.name, child });
        if (!state.has(child)) {
          state.set(child, 'open');
          stack.push({ name: child, next: 0 });
        }
      }
    }
  };
  // Those that nobody calls come first: circles are then cut where they close.
  for (const name of names) if (!called.has(name)) walk(name);
  for (const name of names) if (!state.has(name)) walk(name);
  return kept;
}

/** The longest way from a caller to each name. */
function layers(names: readonly string[], edges: readonly Edge[]): Map<string, number> {
  const layer = new Map<string, number>(names.map((name) => [name, 0]));
  const waiting = new Map<string, number>(names.map((name) => [name, 0]));
  const children = new Map<string, string[]>(names.map((name) => [name, []]));
  for (const { parent, child } of edges) {
    waiting.set(child, waiting.get(child)! + 1);
    children.get(parent)!.push(child);
  }
  const ready = names.filter((name) => waiting.get(name) === 0);
  for (let name = ready.pop(); name !== undefined; name = ready.pop()) {
    for (const child of children.get(name)!) {
      layer.set(child, Math.max(layer.get(child)!, layer.get(name)! + 1));
      waiting.set(child, waiting.get(child)! - 1);
      if (waiting.get(child) === 0) ready.push(child);
    }
  }
  return layer;
}

/** Orders each layer by the mean place of its neighbours in the layers before, then after it. */
function order(byLayer: string[][], edges: readonly Edge[]): void {
  const callers = neighbours(edges, 'child', 'parent');
  const called = neighbours(edges, 'parent', 'child');
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const forth = sweep % 2 === 0;
    const place = new Map<string, number>();
    const remember = (layer: readonly string[]): void => layer.forEach((name, i) => place.set(name, (i + 0.5) / layer.length));
    byLayer.forEach(remember);
    const turn = forth ? byLayer : byLayer.toReversed();
    for (const layer of turn) {
      const mean = new Map(layer.map((name) => [name, meanOf((forth ? callers : called).get(name), place) ?? place.get(name)!]));
      layer.sort((a, b) => mean.get(a)! - mean.get(b)! || (a < b ? -1 : 1));
      remember(layer);
    }
  }
}

function neighbours(edges: readonly Edge[], of: keyof Edge, to: keyof Edge): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const edge of edges) {
    const list = found.get(edge[of]);
    if (list) list.push(edge[to]);
    else found.set(edge[of], [edge[to]]);
  }
  return found;
}

function meanOf(names: readonly string[] | undefined, place: ReadonlyMap<string, number>): number | undefined {
  if (!names) return undefined;
  return names.reduce((sum, name) => sum + place.get(name)!, 0) / names.length;
}

/** Radius of a service: its area follows its rate, within bounds. */
export function radiusOf(rate: number, highest: number): number {
  return 12 + 16 * Math.sqrt(highest > 0 ? rate / highest : 0);
}

/** Width of a call's line. */
export function strokeOf(rate: number, highest: number): number {
  return 1 + 5 * Math.sqrt(highest > 0 ? rate / highest : 0);
}

/** The curve of a call from rim to rim; calls backwards swing below. */
export function curveOf(from: Place, to: Place, gap: { from: number; to: number }): string {
  const forward = to.x > from.x;
  const startX = from.x + (forward ? gap.from : 0);
  const endX = to.x - (forward ? gap.to : 0);
  if (forward) {
    const bend = (endX - startX) / 2;
    return `M${startX} ${from.y}C${startX + bend} ${from.y} ${endX - bend} ${to.y} ${endX} ${to.y}`;
  }
  const startY = from.y + gap.from;
  const endY = to.y + gap.to;
  const low = Math.max(startY, endY) + line * 0.7;
  return `M${startX} ${startY}C${startX} ${low} ${endX} ${low} ${endX} ${endY}`;
}

/** "12/s", or by the minute or hour where that is less than one. */
export function formatRate(perSecond: number): string {
  if (perSecond > 0 && perSecond * 3600 < 0.05) return '<0.1/h';
  const [value, unit] = perSecond >= 1 ? [perSecond, 's'] : perSecond * 60 >= 1 ? [perSecond * 60, 'min'] : [perSecond * 3600, 'h'];
  return `${value >= 99.95 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value >= 9.995 ? 0 : 1).replace(/\.0$/, '')}/${unit}`;
}
