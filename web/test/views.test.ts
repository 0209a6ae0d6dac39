import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diff, summarize } from '../src/compare/diff.ts';
import { aggregate, framesOf, operationStats } from '../src/trace/aggregate.ts';
import { buildModel, none, selfTime, type TraceColumns, type TraceModel } from '../src/trace/model.ts';

type Row = [parent: number, name: string, start: number, duration: number, failed?: boolean];

/** A trace of one service from rows in tree order. */
function traceOf(rows: readonly Row[]): TraceModel {
  const names = [...new Set(rows.map(([, name]) => name))];
  const depth: number[] = [];
  for (const [parent] of rows) depth.push(parent === none ? 0 : depth[parent]! + 1);
  const columns: TraceColumns = {
    traceId: 'ab', startUnixNano: '0', durationNanos: 100, spanCount: rows.length,
    notes: { orphans: 0, duplicates: 0, cycles: 0, skewed: 0, truncated: 0 },
    services: ['web'], names, spanIds: rows.map((_, i) => String(i).padStart(16, '0')).join(''),
    start: rows.map(([, , start]) => start), duration: rows.map(([, , , duration]) => duration),
    depth, parent: rows.map(([parent]) => parent), service: rows.map(() => 0), name: rows.map(([, name]) => names.indexOf(name)),
    kind: rows.map(() => 1), flags: rows.map(([, , , , failed]) => (failed ? 1 : 0)),
  };
  return buildModel(columns);
}

const shop = traceOf([
  [none, 'root', 0, 100],
  [0, 'load', 0, 40],
  [1, 'query', 10, 20, true],
  [0, 'load', 50, 40],
  [3, 'query', 60, 10],
  [3, 'cache', 70, 5],
]);

test('spans fold by their path', () => {
  const tree = aggregate(shop);
  assert.deepEqual(tree.name, ['root', 'load', 'query', 'cache']);
  assert.deepEqual([...tree.count], [1, 2, 2, 1]);
  assert.deepEqual([...tree.errors], [0, 0, 1, 0]);
  assert.deepEqual([...tree.total], [100, 80, 30, 5]);
  assert.deepEqual([...tree.self], [20, 45, 30, 5]);
  assert.deepEqual([...tree.weight], [100, 80, 30, 5]);
  assert.deepEqual([...tree.parent], [none, 0, 1, 1]);
  assert.deepEqual([...tree.subtreeEnd], [4, 4, 3, 4]);
  assert.deepEqual([...tree.nodeOf], [0, 1, 2, 1, 2, 3]);
});

test('frames are as wide as their share and zoom keeps what is above', () => {
  const tree = aggregate(shop);
  assert.deepEqual(framesOf(tree, none, 100), [
    { node: 0, left: 0, width: 100, level: 0 },
    { node: 1, left: 0, width: 80, level: 1 },
    { node: 2, left: 0, width: 30, level: 2 },
    { node: 3, left: 30, width: 5, level: 2 },
  ]);
  assert.deepEqual(framesOf(tree, 2, 100).map(({ node, width, level }) => [node, width, level]), [[0, 100, 0], [1, 100, 1], [2, 100, 2]]);
  assert.deepEqual(framesOf(tree, none, 2).map(({ node }) => node), [0, 1]);
  assert.deepEqual(framesOf(aggregate(traceOf([])), none, 9), []);
});

test('random traces fold without losing time, and frames stay inside their parents', () => {
  let seed = 1;
  const random = (n: number): number => (seed = (seed * 48_271) % 0x7fffffff) % n;
  for (let round = 0; round < 50; round++) {
    const rows: Row[] = [[none, 'a', 0, 1000]];
    const path = [0];
    for (let i = 1; i < 60; i++) {
      path.length = 1 + random(path.length);
      rows.push([path.at(-1)!, 'abcd'[random(4)]!, random(900), random(300)]);
      path.push(i);
    }
    const model = traceOf(rows);
    const tree = aggregate(model);
    const all = rows.reduce((sum, _, row) => sum + selfTime(model, row), 0);
    assert.equal(tree.weight[0], all);
    assert.equal(tree.count.reduce((sum, n) => sum + n, 0), rows.length);
    const frames = new Map(framesOf(tree, none, 1000).map((frame) => [frame.node, frame]));
    for (const { node, left, width, level } of frames.values()) {
      const parent = frames.get(tree.parent[node]!);
      if (!parent) continue;
      assert.equal(level, parent.level + 1);
      assert.ok(left >= parent.left - 1e-9 && left + width <= parent.left + parent.width + 1e-9);
    }
  }
});

test('statistics sum up operations', () => {
  const stats = operationStats(shop, (row) => (row === 2 ? 7 : 0));
  assert.deepEqual(stats.find(({ name }) => name === 'query'), {
    service: 'web', name: 'query', count: 2, errors: 1, total: 30, self: 30, longest: 20, critical: 7,
  });
});

test('a trace is the same as itself', () => {
  const rows = diff(aggregate(shop), aggregate(shop));
  assert.deepEqual(rows.map(({ name, depth, change, delta }) => [name, depth, change, delta]), [
    ['root', 0, 'same', 0], ['load', 1, 'same', 0], ['query', 2, 'same', 0], ['cache', 2, 'same', 0],
  ]);
});

test('a comparison tells what came, went, and changed', () => {
  const k = 1e6;
  const a = aggregate(traceOf([[none, 'root', 0, 100 * k], [0, 'x', 0, 10 * k], [0, 'gone', 0, 5 * k], [2, 'below', 0, k], [0, 'y', 0, 40 * k], [0, 'z', 0, k]]));
  const b = aggregate(traceOf([[none, 'root', 0, 105 * k], [0, 'first', 0, k], [0, 'x', 0, 30 * k], [0, 'new', 0, 3 * k], [3, 'child', 0, k], [0, 'y', 0, 20 * k], [0, 'z', 0, k + 5000]]));
  const rows = diff(a, b);
  assert.deepEqual(rows.map(({ name, depth, change }) => [name, depth, change]), [
    ['root', 0, 'same'], ['first', 1, 'added'], ['x', 1, 'slower'], ['new', 1, 'added'], ['child', 2, 'added'],
    ['gone', 1, 'removed'], ['below', 2, 'removed'], ['y', 1, 'faster'], ['z', 1, 'same'],
  ]);
  assert.deepEqual(rows.find(({ name }) => name === 'x')?.delta, 20 * k);
  assert.deepEqual(summarize(rows), { added: 3, removed: 2, slower: 1, faster: 1, same: 2 });
});

test('a frame far down a chain is shown when zoomed to', () => {
  const chain = traceOf(Array.from({ length: 3000 }, (_, i): Row => [i - 1, `level ${i}`, i, 10_000 - 2 * i]));
  const tree = aggregate(chain);
  const frames = framesOf(tree, 2500, 100);
  assert.ok(frames.length <= 100);
  assert.ok(frames.some(({ node }) => node === 2500));
  assert.deepEqual([frames[0]!.node, frames[0]!.level], [2450, 0]);
});
