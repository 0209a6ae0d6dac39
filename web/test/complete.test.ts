import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SearchResult } from '../src/lib/api.ts';
import { barsOf, countTraces } from '../src/search/bars.ts';
import { complete, serviceIn, writeReference, writeValue, type Known } from '../src/search/complete.ts';
import { defaults, toConditions, toNextPage, toRequest, within } from '../src/search/state.ts';
import { tokens } from '../src/search/tokens.ts';

const known: Known = {
  vocabulary: {
    levels: ['span', 'resource', 'scope', 'event', 'link'],
    fields: [
      { level: 'span', name: 'name', kind: 'text' },
      { level: 'span', name: 'kind', kind: 'span kind' },
      { level: 'span', name: 'status', kind: 'span status' },
      { level: 'span', name: 'duration', kind: 'duration' },
      { level: 'resource', name: 'service', kind: 'text' },
      { level: 'event', name: 'name', kind: 'text' },
    ],
    kinds: ['server', 'client'],
    statuses: ['unset', 'ok', 'error'],
  },
  services: ['cart', 'check out'],
  operations: ['GET /cart'],
  attributes: [
    { key: 'http.status', level: 'span', types: ['int'], spanCount: 9, values: ['200', '500'] },
    { key: 'a key', level: 'resource', types: ['string'], spanCount: 5, values: ['x y'] },
    { key: 'retry', level: 'event', types: ['int'], spanCount: 1, values: ['1'] },
  ],
};

/** Completes at the bar in a text and returns the suggestions. */
const at = (text: string): string[] => complete(text.replace('|', ''), text.indexOf('|'), known).suggestions.map((s) => s.text);
const has = (text: string, ...wanted: string[]): void => {
  for (const word of wanted) assert.ok(at(text).includes(word), `${text}: no ${word} among ${at(text)}`);
};

test('tokens cover any text', () => {
  assert.deepEqual(tokens('a.b>=2s and "x \\"y" != attr["k 1"]').map((t) => t.text), ['a.b', '>=', '2s', 'and', 'x "y', '!=', 'attr["k 1"]']);
  assert.deepEqual(tokens('"open').map((t) => [t.kind, t.text]), [['text', 'open']]);
  assert.deepEqual(tokens('in int:(1,2)').map((t) => t.text), ['in', 'int', ':', '(', '1', ',', '2', ')']);
  for (const odd of ['[', '`', '\\', '\ud800', 'ключ = "', 'a[', 'a["', '((((', '😀']) {
    let end = 0;
    for (const token of tokens(odd)) {
      assert.ok(token.start >= end && token.end > token.start, odd);
      end = token.end;
    }
    assert.equal(end, odd.length, odd);
  }
});

test('conditions begin with what the data has', () => {
  assert.deepEqual(at('|').slice(0, 6), ['service', 'name', 'kind', 'status', 'duration', 'http.status']);
  has('|', 'resource["a key"]', 'event.retry', 'span.duration', 'not', 'exists', 'some');
  assert.deepEqual(at('htt|'), ['http.status']);
  has('kind = server and (|', 'http.status');
  has('exists |', 'http.status');
  assert.ok(!at('exists |').includes('not'));
  assert.deepEqual(at('some |'), ['event', 'link']);
  assert.deepEqual(at('some event |'), ['(']);
  has('some event (|', 'event.name');
});

test('operators fit the field', () => {
  assert.deepEqual(at('duration |').slice(0, 2), ['>', '>=']);
  assert.ok(!at('kind |').includes('>'));
  has('http.status |', '=', '>', 'in', 'not in', 'phrase');
  assert.deepEqual(at('http.status not |'), ['in']);
});

test('values fit the reference', () => {
  assert.deepEqual(at('service = |'), ['cart', '"check out"']);
  assert.deepEqual(at('resource.service in (cart, |'), ['cart', '"check out"']);
  assert.deepEqual(at('name = "GE|'), ['"GET /cart"']);
  assert.deepEqual(at('kind != c|'), ['client']);
  assert.deepEqual(at('span.status = |'), ['unset', 'ok', 'error']);
  assert.deepEqual(at('http.status >= 5|'), ['500']);
  assert.deepEqual(at('resource["a key"] = |'), ['"x y"']);
  assert.deepEqual(at('kind in |'), ['(']);
  has('kind = server |', 'and', 'or');
  has('kind in (server |', ')');
  assert.ok(!at('kind = server |').includes(')'));
});

test('a completion replaces the word under the cursor', () => {
  const { from, to } = complete('kind = serv and x = 1', 9, known);
  assert.deepEqual([from, to], [7, 11]);
  assert.deepEqual(complete('constructor = ', 14, known).suggestions, []);
});

test('names and values are quoted where they must be', () => {
  const name = (key: string, level: string): string => writeReference({ key, level }, known.vocabulary);
  assert.equal(name('tenant', 'span'), 'tenant');
  assert.equal(name('duration', 'span'), 'span["duration"]');
  assert.equal(name('name', 'event'), 'event["name"]');
  assert.equal(name('span.kind', 'span'), 'span.span.kind');
  assert.equal(name('and', 'resource'), 'resource.and');
  assert.equal(name('version', 'scope'), 'scope.version');
  const value = (text: string): string => writeValue(text, known.vocabulary.levels);
  assert.equal(value('GET'), 'GET');
  assert.equal(value('resource.x'), '"resource.x"');
  assert.equal(value('not'), '"not"');
  assert.equal(value('say "hi"'), '"say \\"hi\\""');
  assert.equal(value(''), '""');
  assert.equal(value('-1.5'), '-1.5');
});

test('the service of a filter narrows what is offered', () => {
  assert.equal(serviceIn('duration > 1s and service = "check out"', ['cart', 'check out']), 'check out');
  assert.equal(serviceIn('resource.service == cart', ['cart']), 'cart');
  assert.equal(serviceIn('service != cart', ['cart']), '');
  assert.equal(serviceIn('service = car', ['cart']), '', 'half a name');
});

const result = (starts: number[]): SearchResult => ({
  startUnixNano: '1000000000000', endUnixNano: '1060000000000', limit: 50, nextToken: '',
  traces: starts.map((start, i) => ({
    traceId: String(i), rootService: '', rootOperation: '', startUnixNano: `${start}000000000`, durationNanos: 1,
    spanCount: 1, errorCount: i % 2, orphanCount: 0, services: [],
  })),
});

test('bars count traces by their start', () => {
  const bars = barsOf(countTraces(result([1000, 1000, 1059, 900, 2000])));
  assert.deepEqual(bars.list.filter((bar) => bar.traces > 0).map((bar) => [bar.from, bar.traces, bar.failed, Math.round(bar.height)]), [
    [1_000_000, 3, 2, 100],
    [1_059_000, 2, 0, 67],
  ]);
});

test('the next page is of the same search', () => {
  const state = { ...defaults, filter: ' x = 1 ', view: 'spans' as const };
  const answer = { startUnixNano: '5', endUnixNano: '9', nextToken: 'abc' };
  assert.equal(toRequest(state).toString(), 'filter=x+%3D+1&lookback=1h&sort=start&direction=descending&limit=50');
  assert.equal(toNextPage(state, answer).toString(), 'filter=x+%3D+1&sort=start&direction=descending&limit=50&start=5&end=9&token=abc');
  assert.equal(within(toConditions(state), answer).toString(), 'filter=x+%3D+1&start=5&end=9');
});
