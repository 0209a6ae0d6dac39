import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SearchResult, Summary } from '../src/lib/api.ts';
import { attributeFacets, sampleOf, summaryFacets } from '../src/search/facets.ts';
import { durationTicks, layOut, timeTicks } from '../src/search/plot.ts';
import { checkState, defaults, narrowed, readState, toRequest, writeState, type SearchState } from '../src/search/state.ts';

const roundTrip = (state: SearchState): SearchState => readState(new URLSearchParams(writeState(state)));

test('the address holds the whole form', () => {
  const full: SearchState = {
    service: 'a', operation: 'GET /', tags: 'x="y z"', filter: 'a = 1', errors: true, min: '1ms', max: '2 s',
    range: '24h', from: '', to: '', order: 'slowest', limit: 200, view: 'spans', sort: 'duration', direction: 'ascending',
  };
  assert.deepEqual(roundTrip(full), full);
  assert.deepEqual(roundTrip({ ...defaults }), defaults);
  assert.deepEqual(writeState({ ...defaults }), {});
  const custom = { ...defaults, range: 'custom', from: '2026-11-20T10:00:00.000Z', to: '2026-11-20T11:00:00.000Z' };
  assert.deepEqual(roundTrip(custom), custom);
});

test('an address made by hand cannot break the form', () => {
  const state = readState(new URLSearchParams('range=1y&order=x&limit=7&errors=1&from=x&to=2026-01-01'));
  assert.deepEqual(state, defaults);
});

test('narrowing covers what was pointed at, and never nothing', () => {
  const at = Date.parse('2026-11-20T10:00:00.000Z');
  const times = ({ range, from, to }: SearchState): string[] => [range, from.slice(17), to.slice(17)];
  assert.deepEqual(times(narrowed(defaults, at + 0.4, at + 1.2)), ['custom', '00.000Z', '00.002Z']);
  assert.deepEqual(times(narrowed(defaults, at + 7.25, at + 7.5)), ['custom', '00.007Z', '00.008Z']);
  assert.deepEqual(checkState(narrowed(defaults, at, at)), {});
});

test('a filter has one line, as its field', () => {
  assert.equal(readState(new URLSearchParams([['filter', 'a = 1\r\nand b']])).filter, 'a = 1 and b');
});

test('requests name what is set', () => {
  const request = (change: Partial<SearchState>): string => decodeURIComponent(toRequest({ ...defaults, ...change }).toString());
  assert.equal(request({}), 'lookback=1h&order=newest&limit=50');
  assert.equal(
    request({ service: 'a', min: '1.5 ms', max: '1m', errors: true, tags: ' k=v ' }),
    'service=a&tags=k=v&errors=true&minDuration=1500000ns&maxDuration=60000000000ns&lookback=1h&order=newest&limit=50',
  );
  assert.equal(request({ range: 'custom', from: 'F', to: 'T' }), 'start=F&end=T&order=newest&limit=50');
});

test('wrong fields are named', () => {
  const f = (change: Partial<SearchState>, ...want: string[]): void =>
    assert.deepEqual(Object.keys(checkState({ ...defaults, ...change })), want);
  f({});
  f({ tags: 'x' }, 'tags');
  f({ min: 'x', max: '5' }, 'min', 'max');
  f({ min: '2s', max: '1s' }, 'max');
  f({ range: 'custom', from: '2026-11-20', to: '2026-11-19' }, 'range');
  f({ range: 'custom' }, 'range');
});

const summary = (change: Partial<Summary>): Summary => ({
  traceId: '1', rootService: 'web', rootOperation: 'GET /', startUnixNano: '1000000000000000000', durationNanos: 5e6,
  spanCount: 3, errorCount: 0, orphanCount: 0, services: [{ name: 'web', spanCount: 3, errorCount: 0 }], ...change,
});

test('facets count traces and lead to the filtered search', () => {
  const traces = [
    summary({}),
    summary({ errorCount: 2, services: [{ name: 'db', spanCount: 1, errorCount: 2 }, { name: 'web', spanCount: 1, errorCount: 0 }] }),
    summary({ rootOperation: 'POST /' }),
  ];
  const [status, services, operations] = summaryFacets(traces, { ...defaults, service: 'db' });
  assert.deepEqual(status!.values.map(({ label, count }) => [label, count]), [['with errors', 1]]);
  assert.deepEqual(services!.values.map(({ label, count, active }) => [label, count, active]), [['web', 3, false], ['db', 1, true]]);
  assert.equal(services!.values[1]!.next.service, '');
  assert.deepEqual(operations!.values.map(({ label, count }) => [label, count]), [['GET /', 2], ['POST /', 1]]);
  assert.deepEqual(operations!.values[0]!.next, { ...defaults, service: 'web', operation: 'GET /' });
});

test('attribute facets add and lift tags', () => {
  const sample = { traceCount: 2, facets: [{ key: 'tenant', values: [{ value: 'a b', traceCount: 2 }, { value: 'c', traceCount: 1 }] }] };
  const [group] = attributeFacets(sample, { ...defaults, tags: 'x=1 tenant=c' });
  assert.deepEqual(group!.values.map(({ active }) => active), [false, true]);
  assert.equal(group!.values[0]!.next.tags, 'x=1 tenant=c tenant="a b"');
  assert.equal(group!.values[1]!.next.tags, 'x=1');
  assert.deepEqual(sampleOf([summary({ traceId: 'big', spanCount: 1e5 }), summary({ traceId: 'small' })]), ['small']);
});

test('the plot spans the search, or the traces where the limit cut it', () => {
  const result: SearchResult = {
    startUnixNano: '1000000000000000', endUnixNano: '4600000000000000', limit: 2, nextToken: 'more',
    traces: [summary({ startUnixNano: '4000000000000000' }), summary({ startUnixNano: '4300000000000000', durationNanos: 0 })],
  };
  const whole = layOut(result, false);
  assert.deepEqual([whole.from, whole.to, whole.low, whole.high], [1e9, 4.6e9, 1, 1e7]);
  assert.ok(layOut(result, true).from > 3.9e9);
  for (const { x, y } of whole.dots) assert.ok(x >= 0 && x <= 1 && y >= 0 && y <= 1);
  assert.deepEqual(durationTicks(whole, 4), [1, 100, 10_000, 1e6]);
  assert.ok(timeTicks(whole.from, whole.to, 8).length <= 8);
  assert.ok(timeTicks(0, 400 * 86_400_000, 8).length <= 9);
});
