import { flag, none, selfTime, type TraceModel } from './model.ts';

/**
 * The spans of one or more traces folded by their path: node n stands for all
 * spans with the same service and operation below the same node. Nodes are in
 * tree order, parents before children; the subtree of n is [n, subtreeEnd[n]).
 */
export interface Aggregate {
  readonly nodes: number;
  readonly parent: Int32Array;
  readonly depth: Int32Array;
  readonly subtreeEnd: Int32Array;
  readonly service: readonly string[];
  readonly name: readonly string[];
  readonly count: Int32Array;
  readonly errors: Int32Array;
  /** Sum of the spans' durations. */
  readonly total: Float64Array;
  /** Sum of what no child of theirs covers. */
  readonly self: Float64Array;
  /** Self time of the whole subtree: the width of a frame in a flame graph. */
  readonly weight: Float64Array;
  /** Node of each row. */
  readonly nodeOf: Int32Array;
}

interface Node {
  parent: number;
  depth: number;
  service: string;
  name: string;
  count: number;
  errors: number;
  total: number;
  self: number;
  children: Map<string, number>;
}

/** Folds a trace. Siblings are in the order in which their first span began. */
export function aggregate(model: TraceModel): Aggregate {
  const found: Node[] = [];
  const roots = new Map<string, number>();
  const nodeOf = new Int32Array(model.rows);
  const { services, names } = model.header;
  for (let row = 0; row < model.rows; row++) {
    const up = model.parent[row]!;
    const parent = up === none ? none : nodeOf[up]!;
    const siblings = parent === none ? roots : found[parent]!.children;
    const key = `${model.service[row]} ${model.name[row]}`;
    let at = siblings.get(key);
    if (at === undefined) {
      at = found.length;
      siblings.set(key, at);
      const depth = parent === none ? 0 : found[parent]!.depth + 1;
      const service = services[model.service[row]!] ?? '';
      const name = names[model.name[row]!] ?? '';
      found.push({ parent, depth, service, name, count: 0, errors: 0, total: 0, self: 0, children: new Map() });
    }
    nodeOf[row] = at;
    const node = found[at]!;
    node.count++;
    node.total += model.duration[row]!;
    node.self += selfTime(model, row);
    if ((model.flags[row]! & flag.error) !== 0) node.errors++;
  }
  return inTreeOrder(found, [...roots.values()], nodeOf);
}

/** Numbers the nodes depth first, without recursion: a trace may be one chain of any length. */
function inTreeOrder(found: readonly Node[], roots: readonly number[], nodeOf: Int32Array): Aggregate {
  const order: number[] = [];
  const place = new Int32Array(found.length);
  const stack = [...roots].reverse();
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    place[at] = order.length;
    order.push(at);
    const children = [...found[at]!.children.values()];
    for (let i = children.length - 1; i >= 0; i--) stack.push(children[i]!);
  }
  const nodes = order.map((at) => found[at]!);
  const parent = Int32Array.from(nodes, (node) => (node.parent === none ? none : place[node.parent]!));
  const self = Float64Array.from(nodes, (node) => node.self);
  const weight = self.slice();
  const subtreeEnd = Int32Array.from(nodes, (_, i) => i + 1);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const up = parent[i]!;
    if (up === none) continue;
    weight[up]! += weight[i]!;
    subtreeEnd[up] = Math.max(subtreeEnd[up]!, subtreeEnd[i]!);
  }
  return {
    nodes: nodes.length,
    parent,
    depth: Int32Array.from(nodes, (node) => node.depth),
    subtreeEnd,
    service: nodes.map((node) => node.service),
    name: nodes.map((node) => node.name),
    count: Int32Array.from(nodes, (node) => node.count),
    errors: Int32Array.from(nodes, (node) => node.errors),
    total: Float64Array.from(nodes, (node) => node.total),
    self,
    weight,
    nodeOf: nodeOf.map((at) => place[at]!),
  };
}

/** A frame of the flame graph on screen: left and width in percent, level from the top. */
export interface Frame {
  node: number;
  left: number;
  width: number;
  level: number;
}

/** Frames narrower than this many percent are not drawn; a pixel is about a tenth. */
const narrowest = 0.08;

/**
 * The frames of a flame graph zoomed to a node (none for the whole trace), in tree
 * order: its ancestors above it at full width, its subtree below, each frame as
 * wide as its share of the self time. At most `most`, the shallow ones first; of
 * the ancestors at most half of that, the nearest.
 */
export function framesOf(tree: Aggregate, zoom: number, most: number): Frame[] {
  const frames: Frame[] = [];
  const above: number[] = [];
  for (let at = zoom === none ? none : tree.parent[zoom]!; at !== none && above.length < most / 2; at = tree.parent[at]!) above.push(at);
  above.reverse().forEach((node, level) => frames.push({ node, left: 0, width: 100, level }));
  const [from, end] = zoom === none ? [0, tree.nodes] : [zoom, tree.subtreeEnd[zoom]!];
  let whole = 0;
  for (let node = from; node < end; node = tree.subtreeEnd[node]!) whole += tree.weight[node]!;
  const scale = 100 / Math.max(whole, 1);
  const lefts: number[] = []; // where the next child at each depth begins
  const base = zoom === none ? 0 : tree.depth[zoom]!;
  lefts[0] = 0;
  for (let node = from; node < end; ) {
    const level = tree.depth[node]! - base;
    const width = tree.weight[node]! * scale;
    const left = lefts[level]!;
    lefts[level] = left + width;
    lefts[level + 1] = left;
    if (width < narrowest) {
      node = tree.subtreeEnd[node]!;
      continue;
    }
    frames.push({ node, left, width, level: level + above.length });
    node++;
  }
  if (frames.length <= most) return frames;
  const shallow = frames.toSorted((a, b) => a.level - b.level || b.width - a.width).slice(0, most);
  return shallow.sort((a, b) => a.node - b.node);
}

/** One line of the statistics: all spans of an operation, wherever they are. */
export interface OperationStats {
  service: string;
  name: string;
  count: number;
  errors: number;
  total: number;
  self: number;
  longest: number;
  critical: number;
}

/** Sums up the operations of a trace; `critical` tells how long a row is on the critical path. */
export function operationStats(model: TraceModel, critical: (row: number) => number): OperationStats[] {
  const byOperation = new Map<string, OperationStats>();
  for (let row = 0; row < model.rows; row++) {
    const key = `${model.service[row]} ${model.name[row]}`;
    let stats = byOperation.get(key);
    if (!stats) {
      const service = model.header.services[model.service[row]!] ?? '';
      const name = model.header.names[model.name[row]!] ?? '';
      stats = { service, name, count: 0, errors: 0, total: 0, self: 0, longest: 0, critical: 0 };
      byOperation.set(key, stats);
    }
    const duration = model.duration[row]!;
    stats.count++;
    stats.total += duration;
    stats.self += selfTime(model, row);
    stats.longest = Math.max(stats.longest, duration);
    stats.critical += critical(row);
    if ((model.flags[row]! & flag.error) !== 0) stats.errors++;
  }
  return [...byOperation.values()];
}
