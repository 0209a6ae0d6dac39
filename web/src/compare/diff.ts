import type { Aggregate } from '../trace/aggregate.ts';
import { none } from '../trace/model.ts';

/** How a node of B stands to the one of A. */
export type Change = 'added' | 'removed' | 'slower' | 'faster' | 'same';

/** One side of a row; null where the path does not exist. */
export interface Side {
  count: number;
  errors: number;
  /** Average duration of the spans. */
  average: number;
  self: number;
}

/** A path of services and operations, in either trace or both. Rows are in tree order. */
export interface DiffRow {
  depth: number;
  service: string;
  name: string;
  a: Side | null;
  b: Side | null;
  change: Change;
  /** Average of B minus average of A, with nothing for what is missing. */
  delta: number;
}

export interface Summary {
  added: number;
  removed: number;
  slower: number;
  faster: number;
  same: number;
}

/** A change counts from this share of A's duration on, and from this many nanoseconds. */
const share = 0.1;
const least = 10_000;

/**
 * Matches the paths of two traces: nodes are the same where service and operation
 * are, all the way up. Rows of A come in its order; what only B has comes where B
 * has it, after the siblings before it.
 */
export function diff(a: Aggregate, b: Aggregate): DiffRow[] {
  const rows: DiffRow[] = [];
  const stack: [nodeA: number, nodeB: number, depth: number][] = pairs(a, b, none, none).map(([x, y]) => [x, y, 0]);
  stack.reverse();
  for (let top = stack.pop(); top; top = stack.pop()) {
    const [nodeA, nodeB, depth] = top;
    rows.push(rowOf(a, b, nodeA, nodeB, depth));
    const below = pairs(a, b, nodeA, nodeB);
    for (let i = below.length - 1; i >= 0; i--) stack.push([below[i]![0], below[i]![1], depth + 1]);
  }
  return rows;
}

export function summarize(rows: readonly DiffRow[]): Summary {
  const summary: Summary = { added: 0, removed: 0, slower: 0, faster: 0, same: 0 };
  for (const { change } of rows) summary[change]++;
  return summary;
}

/** Children of a matched pair, matched. The parent none stands for the whole trace. */
function pairs(a: Aggregate, b: Aggregate, parentA: number, parentB: number): [number, number][] {
  const ofA = childrenOf(a, parentA);
  const ofB = childrenOf(b, parentB);
  const byKey = new Map(ofB.map((node) => [keyOf(b, node), node]));
  const matched = ofA.map((node): [number, number] => [node, byKey.get(keyOf(a, node)) ?? missing]);
  const taken = new Set(matched.map(([, node]) => node));
  // What only B has follows the matched sibling before it.
  const following = new Map<number, number[]>();
  let last = missing;
  for (const node of ofB) {
    if (taken.has(node)) last = node;
    else if (following.has(last)) following.get(last)!.push(node);
    else following.set(last, [node]);
  }
  return withFollowing(matched, following);
}

/** No node: the path is not in this trace. */
const missing = -2;

function withFollowing(matched: readonly [number, number][], following: ReadonlyMap<number, number[]>): [number, number][] {
  const added = (node: number): [number, number][] => (following.get(node) ?? []).map((other) => [missing, other]);
  return [...added(missing), ...matched.flatMap((pair) => (pair[1] === missing ? [pair] : [pair, ...added(pair[1])]))];
}

function childrenOf(tree: Aggregate, parent: number): number[] {
  if (parent === missing) return [];
  const [from, end] = parent === none ? [0, tree.nodes] : [parent + 1, tree.subtreeEnd[parent]!];
  const children: number[] = [];
  for (let node = from; node < end; node = tree.subtreeEnd[node]!) children.push(node);
  return children;
}

function keyOf(tree: Aggregate, node: number): string {
  return `${tree.service[node]!.length} ${tree.service[node]} ${tree.name[node]}`;
}

function sideOf(tree: Aggregate, node: number): Side | null {
  if (node === missing) return null;
  const count = tree.count[node]!;
  return { count, errors: tree.errors[node]!, average: tree.total[node]! / count, self: tree.self[node]! };
}

function rowOf(a: Aggregate, b: Aggregate, nodeA: number, nodeB: number, depth: number): DiffRow {
  const [sideA, sideB] = [sideOf(a, nodeA), sideOf(b, nodeB)];
  const [tree, node] = nodeA === missing ? [b, nodeB] : [a, nodeA];
  const delta = (sideB?.average ?? 0) - (sideA?.average ?? 0);
  return { depth, service: tree.service[node]!, name: tree.name[node]!, a: sideA, b: sideB, change: changeOf(sideA, sideB, delta), delta };
}

function changeOf(a: Side | null, b: Side | null, delta: number): Change {
  if (!a) return 'added';
  if (!b) return 'removed';
  if (Math.abs(delta) < Math.max(least, a.average * share)) return 'same';
  return delta > 0 ? 'slower' : 'faster';
}
