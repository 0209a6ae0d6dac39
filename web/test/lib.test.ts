import assert from 'node:assert/strict';
import { test } from 'node:test';
import { colorSlots, Palette } from '../src/lib/colors.ts';
import { addressOf, reachable } from '../src/lib/endpoints.ts';
import { formatTags, parseTags, searchable } from '../src/lib/logfmt.ts';
import { formatRoute, fullTraceId, parseRoute } from '../src/lib/route.ts';
import { setups } from '../src/shell/setup.ts';

test('tags are logfmt words', () => {
  const f = (text: string, ...want: [string, string][]): void =>
    assert.deepEqual(parseTags(text), { tags: want.map(([key, value]) => ({ key, value })) }, text);
  f('');
  f('a=1', ['a', '1']);
  f('  a=1\tb=2\n', ['a', '1'], ['b', '2']);
  f('u=/x?y=z', ['u', '/x?y=z']);
  f('a= b=""', ['a', ''], ['b', '']);
  f('a="x \\"y\\" \\\\ \\n\\t\\z"', ['a', 'x "y" \\ \n\tz']);
  f('"a"=1 "two words"="x y" "a=b\\\\\\"c"=2', ['a', '1'], ['two words', 'x y'], ['a=b\\"c', '2']);
  f('a=1\u00a0b=2\u3000c=3\ufeffd=\u0085', ['a', '1'], ['b', '2'], ['c', '3'], ['d', '\u0085']);
  for (const wrong of ['a', '=1', 'a b=1', 'a="open', 'a="open\\', '""=1', '"a" =1', '"a', '"a"', 'a\u00a0b=1']) assert.ok('error' in parseTags(wrong), wrong);
});

test('written tags are read back', () => {
  const texts = ['1', 'two words', 'a"b', 'back\\slash', 'tab\tline\n', 'x=y', 'ä', 'no\u00a0break'];
  const tags = [...texts.map((text) => ({ key: text, value: text })), { key: 'k', value: '' }];
  assert.deepEqual(parseTags(formatTags(tags)), { tags });
});

test('only attributes that a search would find lead to one', () => {
  const f = (type: string, value: string, want: boolean, key = 'k'): void => assert.equal(searchable({ key, type, value }), want, `${type} ${value}`);
  f('string', '', true);
  f('int', '9223372036854775807', true);
  f('double', '1e-7', true);
  for (const word of ['NaN', 'Infinity', '-Infinity']) f('double', word, false);
  for (const type of ['bytes', 'list', 'map', 'empty']) f(type, 'x', false);
  f('string', 'x', false, '');
  f('string', 'x'.repeat(2001), false);
});

test('routes go round', () => {
  const hash = formatRoute(['trace', 'a/b c'], { span: '1', q: 'x&y', empty: '' });
  assert.equal(hash, '#/trace/a%2Fb%20c?span=1&q=x%26y');
  const { path, query } = parseRoute(hash);
  assert.deepEqual(path, ['trace', 'a/b c']);
  assert.deepEqual([...query], [['span', '1'], ['q', 'x&y']]);
  assert.deepEqual(parseRoute('').path, []);
  assert.deepEqual(parseRoute('#/%zz').path, ['%zz']);
});

test('trace ids have one spelling', () => {
  assert.equal(fullTraceId('B1'), '000000000000000000000000000000b1');
  assert.equal(fullTraceId('not hex'), 'not hex');
});

test('services keep their colours and differ while there are enough', () => {
  const names = Array.from({ length: colorSlots }, (_, i) => `service-${i}`);
  const one = new Palette();
  const two = new Palette();
  one.add(names);
  two.add(names);
  const slots = names.map((name) => one.slotOf(name));
  assert.equal(new Set(slots).size, colorSlots);
  assert.deepEqual(names.map((name) => two.slotOf(name)), slots);
  assert.ok(one.slotOf('one more') < colorSlots);
});

test('endpoints are shown as the reader can reach them', () => {
  const f = (address: string, want: string): void => assert.equal(reachable(address, 'pando.example'), want);
  f(':4317', 'pando.example:4317');
  f('0.0.0.0:4317', 'pando.example:4317');
  f('[::]:4317', 'pando.example:4317');
  f('10.0.0.1:4317', '10.0.0.1:4317');
  f('[fe80::1]:4317', '[fe80::1]:4317');
  assert.equal(addressOf([], 'otlp-http', 'h'), 'h:4318');
  assert.equal(addressOf([{ name: '', protocol: 'otlp-grpc', address: ':1' }], 'otlp-grpc', 'h'), 'h:1');
});

test('every set-up names where to send', () => {
  for (const { name, code } of setups({ grpc: 'h:11', http: 'h:22' })) {
    assert.match(code, name === 'telemetrygen' ? /h:11/ : /http:\/\/h:22/, name);
    if (code.includes('OTEL_SERVICE_NAME')) assert.match(code, /OTEL_METRICS_EXPORTER=none\nexport OTEL_LOGS_EXPORTER=none/, name);
  }
});
