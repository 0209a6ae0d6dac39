import assert from 'node:assert/strict';
import { test } from 'node:test';
import { criticalPath, criticalTime, segmentsOf } from '../src/trace/critical.ts';
import {
  buildModel, childCount, findRows, hasChildren, maxDepth, nextMatch, none, rowOfSpan, selfTime, spanIdOf, type TraceColumns,
} from '../src/trace/model.ts';
import { paintOverview } from '../src/trace/overview.ts';
import { clampSpan, placeOf, ticksOf, zoomSpan } from '../src/trace/range.ts';
import { TraceState } from '../src/trace/state.ts';
import { foldToDepth, positionOf, revealed, toggled, unfolded, windowOf } from '../src/trace/visible.ts';

/** Six rows: 0 { 1 { 2 3 } 4 } 5. */
const columns: TraceColumns = {
  traceId: 'ab', startUnixNano: '0', durationNanos: 100, spanCount: 6,
  notes: { orphans: 0, duplicates: 0, cycles: 0, skewed: 0, truncated: 0 },
  services: ['Web', 'db'], names: ['GET /', 'select'],
  spanIds: ['0000000000000001', '0000000000000002', '0000000000000003', 'abc0000000000004', '0000000000000abc', '0000000000000006'].join(''),
  start: [0, 10, 20, 40, 70, 90], duration: [90, 50, 10, 15, 30, 10], depth: [0, 1, 2, 2, 1, 0], parent: [-1, 0, 1, 1, 0, -1],
  service: [0, 0, 1, 1, 0, 0], name: [0, 0, 1, 1, 0, 0], kind: [2, 1, 3, 3, 1, 2], flags: [0, 0, 0, 1, 0, 1],
};
const model = buildModel(columns);

test('subtrees, children, depth and self time', () => {
  assert.deepEqual([...model.subtreeEnd], [5, 4, 3, 4, 5, 6]);
  assert.deepEqual([0, 1, 2].map((row) => hasChildren(model, row)), [true, true, false]);
  assert.deepEqual([0, 1, 2].map((row) => childCount(model, row)), [2, 2, 0]);
  assert.equal(maxDepth(model), 3);
  // Row 0 lasts 90; its children cover 10–60 and 70–90, the rest past its end.
  assert.equal(selfTime(model, 0), 20);
  assert.equal(selfTime(model, 1), 25);
  assert.equal(selfTime(model, 2), 10);
});

test('spans are found by id, by name and by service', () => {
  assert.equal(spanIdOf(model, 3), 'abc0000000000004');
  assert.equal(rowOfSpan(model, 'ABC'), 4);
  assert.equal(rowOfSpan(model, '0000000000000001'), 0);
  assert.equal(rowOfSpan(model, '10000000'), none);
  assert.equal(rowOfSpan(model, 'nope'), none);
  assert.deepEqual([...findRows(model, ' WEB ')], [0, 1, 4, 5]);
  assert.deepEqual([...findRows(model, 'sel')], [2, 3]);
  assert.deepEqual([...findRows(model, 'abc0')], [3]);
  assert.deepEqual([...findRows(model, ' ')], []);
  const matches = Int32Array.of(2, 5);
  assert.deepEqual([0, 2, 5].map((from) => nextMatch(matches, from, 1)), [2, 5, 2]);
  assert.deepEqual([2, 5, 6].map((from) => nextMatch(matches, from, -1)), [5, 2, 5]);
  assert.equal(nextMatch(new Int32Array(0), 0, 1), none);
});

test('folds hide subtrees and open where needed', () => {
  const all = unfolded(model);
  assert.deepEqual([...all.visible], [0, 1, 2, 3, 4, 5]);
  const folded = toggled(model, all, 1, true);
  assert.deepEqual([...folded.visible], [0, 1, 4, 5]);
  assert.deepEqual([...all.visible], [0, 1, 2, 3, 4, 5]);
  assert.deepEqual([...foldToDepth(model, 0).visible], [0, 5]);
  assert.deepEqual([...foldToDepth(model, 1).visible], [0, 1, 4, 5]);
  assert.equal(revealed(model, folded, 4), folded);
  assert.deepEqual([...revealed(model, foldToDepth(model, 0), 3).visible], [0, 1, 2, 3, 4, 5]);
  assert.deepEqual([0, 1, 3, 5].map((row) => positionOf(folded.visible, row)), [0, 1, 1, 3]);
});

test('only rows near the screen are drawn', () => {
  assert.deepEqual(windowOf({ scrollTop: 0, height: 240, rowHeight: 24 }, 100_000), { first: 0, end: 18 });
  assert.deepEqual(windowOf({ scrollTop: 24_000, height: 240, rowHeight: 24 }, 100_000), { first: 992, end: 1018 });
  assert.deepEqual(windowOf({ scrollTop: 24_000, height: 240, rowHeight: 24 }, 5), { first: 5, end: 5 });
});

test('time ranges stay inside the trace', () => {
  const total = 1e6;
  assert.deepEqual(clampSpan({ start: -5, end: 2e6 }, total), { start: 0, end: total });
  assert.deepEqual(clampSpan({ start: 999_999, end: 999_999 }, total), { start: 999_000, end: total });
  assert.deepEqual(clampSpan({ start: 0, end: 0 }, 0), { start: 0, end: 1 });
  assert.deepEqual(zoomSpan({ start: 0, end: total }, 0.5, 500_000, total), { start: 250_000, end: 750_000 });
  assert.deepEqual(placeOf({ start: 0, end: 200 }, 50, 100), { left: 25, width: 50 });
  assert.deepEqual(placeOf({ start: 100, end: 200 }, 50, 100), { left: 0, width: 50 });
  assert.equal(placeOf({ start: 100, end: 200 }, 0, 50), null);
  assert.deepEqual(ticksOf({ start: 0, end: 100 }, 6), [0, 20, 40, 60, 80]);
  assert.ok(ticksOf({ start: 17, end: 1e15 }, 6).length <= 6);
});

test('the cursor walks, folds and follows what is found', () => {
  const state = new TraceState(model);
  state.step(2);
  assert.equal(state.cursor, 2);
  state.setCollapsed(1, true);
  assert.equal(state.cursor, 1, 'the hidden cursor moves to what hides it');
  state.step(1);
  assert.equal(state.cursor, 4);
  state.step(Infinity);
  assert.equal(state.cursor, 5);
  state.nextError();
  assert.equal(state.cursor, 3);
  assert.equal(state.isCollapsed(1), false, 'what hid the error is open');
  state.foldAll(true);
  assert.equal(state.cursor, 1);
  state.find('select');
  assert.equal(state.cursor, 2);
  state.nextMatch(-1);
  assert.equal(state.cursor, 3);
  state.openSpan('abc');
  assert.deepEqual([state.cursor, state.openedSpan], [4, '0000000000000abc']);
});

test('the overview paints rows as bars', () => {
  const size = { width: 10, height: 6 };
  const pixels = new Uint8ClampedArray(4 * size.width * size.height);
  paintOverview(pixels, size, model, { services: [[1, 1, 1], [2, 2, 2]], error: [9, 9, 9] });
  const picture = Array.from({ length: size.height }, (_, y) =>
    Array.from({ length: size.width }, (_, x) => pixels[4 * (y * size.width + x)]).join(''),
  );
  assert.deepEqual(picture, ['1111111110', '0111110000', '0020000000', '0000990000', '0000000111', '0000000009']);
});

test('the critical path is what the trace waited for', () => {
  // Row 0 lasts 0–90. Row 4 outlives it (70–100, cut at 90); before it nothing ran in 60–70,
  // then row 1 (10–60), of which rows 3 (40–55) and 2 (20–30).
  const path = criticalPath(model);
  const segments = (row: number): [number, number][] =>
    segmentsOf(path, row, { start: 0, end: 100 }, 0).map(({ start, end }) => [start, end]);
  assert.deepEqual(segments(0), [[60, 70], [0, 10]]);
  assert.deepEqual(segments(1), [[55, 60], [30, 40], [10, 20]]);
  assert.deepEqual(segments(2), [[20, 30]]);
  assert.deepEqual(segments(3), [[40, 55]]);
  assert.deepEqual(segments(4), [[70, 90]]);
  assert.deepEqual(segments(5), []);
  assert.equal(criticalTime(path, 1), 25);
  // Gaps of 15 and 10: only the second is closed.
  assert.deepEqual(segmentsOf(path, 1, { start: 0, end: 100 }, 11), [{ start: 55, end: 60, critical: 5 }, { start: 10, end: 40, critical: 20 }]);
  assert.deepEqual(segmentsOf(path, 1, { start: 56, end: 100 }, 0), [{ start: 55, end: 60, critical: 5 }]);
});

test('the critical path covers the root once, whatever runs beside it', () => {
  let seed = 7;
  const random = (n: number): number => (seed = (seed * 48_271) % 2_147_483_647) % n;
  for (let round = 0; round < 200; round++) {
    const rows = 2 + random(30);
    const depth = [0];
    const start = [0];
    const duration = [1000];
    for (let row = 1; row < rows; row++) {
      depth.push(1 + random(depth[row - 1]! + 1));
      start.push(random(1200) - 100);
      duration.push(random(600));
    }
    const zeros = depth.map(() => 0);
    const random1 = buildModel({ ...columns, start, duration, depth, parent: zeros, service: zeros, name: zeros, kind: zeros, flags: zeros });
    const path = criticalPath(random1);
    const all = [...path.start].map((from, i) => [from, path.end[i]!] as const).sort((a, b) => a[0] - b[0]);
    let at = 0;
    for (const [from, to] of all) {
      assert.equal(from, at, `round ${round}: a gap or an overlap at ${at}`);
      at = to;
    }
    assert.equal(at, 1000, `round ${round}`);
  }
});
