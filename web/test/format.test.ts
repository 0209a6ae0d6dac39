import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAgo, formatCount, formatDuration, millisOfNanos, parseDuration, plural } from '../src/lib/format.ts';

test('durations have three digits and one unit', () => {
  const f = (nanos: number, want: string): void => assert.equal(formatDuration(nanos), want, String(nanos));
  f(0, '0 ns');
  f(1, '1 ns');
  f(999, '999 ns');
  f(999.9, '1 µs');
  f(1000, '1 µs');
  f(1234, '1.23 µs');
  f(12_340, '12.3 µs');
  f(123_400, '123 µs');
  f(999_999, '1 ms');
  f(1_500_000, '1.5 ms');
  f(2e9, '2 s');
  f(59.9e9, '59.9 s');
  f(90e9, '1.5 min');
  f(3600e9, '1 h');
  f(86_400e9 * 400, '400 d');
  f(-1500, '−1.5 µs');
});

test('durations are read as they are written', () => {
  const f = (text: string, want: number | null): void => assert.equal(parseDuration(text), want, text);
  f('250ms', 250e6);
  f('1.5 s', 1.5e9);
  f('1m30s', 90e9);
  f('2 min', 120e9);
  f('7us', 7000);
  f('7µs', 7000);
  f('3ns', 3);
  f('1h', 3600e9);
  f('', null);
  f('5', null);
  f('s', null);
  f('-1s', null);
  f('1s!', null);
});

test('counts, ages and instants', () => {
  assert.equal(formatCount(1_234_567), '1,234,567');
  assert.equal(plural(1, 'span'), '1 span');
  assert.equal(plural(0, 'span'), '0 spans');
  assert.equal(formatAgo(0, 3000), 'just now');
  assert.equal(formatAgo(0, 59_000), '59 s ago');
  assert.equal(formatAgo(0, 119_000), '1 min ago');
  assert.equal(formatAgo(0, 7_200_000), '2 h ago');
  assert.equal(formatAgo(0, 200_000_000), '2 d ago');
  assert.equal(millisOfNanos('1795176001000123456'), 1_795_176_001_000.123);
});
