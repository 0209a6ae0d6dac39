import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curveOf, formatRate, layOut, radiusOf, type Edge } from '../src/map/layout.ts';

const edges = (...words: string[]): Edge[] => words.map((word) => ({ parent: word[0]!, child: word[1]! }));
const layersOf = (names: string, ...words: string[]): string => {
  const { places } = layOut([...names], edges(...words));
  return [...names].map((name) => places.get(name)!.layer).join('');
};

test('callers stand left of the called', () => {
  assert.equal(layersOf('abc', 'ab', 'bc', 'ac'), '012');
  assert.equal(layersOf('cba', 'ab', 'bc', 'ac'), '210');
  assert.equal(layersOf('ab'), '00');
  assert.equal(layersOf('a', 'aa', 'ax'), '0');
  assert.deepEqual(layOut([], []).places.size, 0);
});

test('circles are cut where they close', () => {
  assert.equal(layersOf('abc', 'ab', 'bc', 'cb'), '012');
  assert.equal(layersOf('ab', 'ab', 'ba'), '01');
});

test('orders follow the neighbours: lines do not cross needlessly', () => {
  const { places } = layOut([...'abxy'], edges('ay', 'bx'));
  assert.ok(places.get('a')!.y < places.get('b')!.y === places.get('y')!.y < places.get('x')!.y);
});

test('random graphs keep services apart and edges forward, circles aside', () => {
  let seed = 7;
  const random = (n: number): number => (seed = (seed * 48_271) % 0x7fffffff) % n;
  for (let round = 0; round < 60; round++) {
    const names = Array.from({ length: 1 + random(30) }, (_, i) => `s${i}`);
    const list = Array.from({ length: random(80) }, () => {
      const [a, b] = [random(names.length), random(names.length)];
      return { parent: names[Math.min(a, b)]!, child: names[Math.max(a, b)]! };
    });
    const { places, width, height } = layOut(names, list);
    const seen = new Set<string>();
    for (const { x, y } of places.values()) {
      assert.ok(x > 0 && x < width && y > 0 && y < height);
      assert.ok(!seen.has(`${x} ${y}`));
      seen.add(`${x} ${y}`);
    }
    for (const { parent, child } of list) assert.ok(parent === child || places.get(parent)!.layer < places.get(child)!.layer);
  }
});

test('a long chain does not overflow the stack', () => {
  const names = Array.from({ length: 20_000 }, (_, i) => String(i));
  const chain = names.slice(1).map((child, i) => ({ parent: String(i), child }));
  assert.equal(layOut(names, chain).places.get('19999')!.layer, 19_999);
});

test('figures of the drawing', () => {
  assert.deepEqual([0, 0.00001, 0.0005, 0.02, 1, 9.99, 12.4, 1234.5].map(formatRate), ['0/h', '<0.1/h', '1.8/h', '1.2/min', '1/s', '10/s', '12/s', '1,235/s']);
  assert.ok(radiusOf(1, 100) < radiusOf(100, 100) && radiusOf(0, 0) > 0);
  const [a, b] = [{ name: 'a', layer: 0, x: 0, y: 0 }, { name: 'b', layer: 1, x: 100, y: 50 }];
  assert.equal(curveOf(a, b, { from: 10, to: 10 }), 'M10 0C50 0 50 50 90 50');
  assert.ok(curveOf(b, a, { from: 10, to: 10 }).startsWith('M100 60'));
});
