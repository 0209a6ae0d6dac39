import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ApiError } from '../src/lib/api.ts';
import { answers, unpack, type SavedTrace } from '../src/viewer/saved.ts';

const span = (spanId: string, name: string, resource: number) => ({
  spanId, parentSpanId: '', name, kind: 'server', service: 's', startUnixNano: '0', durationNanos: 1, statusCode: 'unset', statusMessage: '',
  traceState: '', flags: 0, attributes: [], droppedAttributes: 0, events: [], droppedEvents: 0, links: [], droppedLinks: 0, resource, scope: 0,
});

const saved = {
  trace: { traceId: 'ab', services: ['web', 'db'] },
  spans: [span('01', 'first </script>', 1), span('02', 'second', 0), span('01', 'shares its id', 0)],
  resources: [{ schemaUrl: 'a', attributes: [], droppedAttributes: 0 }, { schemaUrl: 'b', attributes: [], droppedAttributes: 0 }],
  scopes: [{ name: 'lib', version: '1', schemaUrl: '', attributes: [], droppedAttributes: 0 }],
} as unknown as SavedTrace;

test('a saved trace is what was packed', async () => {
  const text = gzipSync(JSON.stringify(saved)).toString('base64');
  assert.deepEqual(await unpack(`\n${text}\n`), saved);
  await assert.rejects(unpack('%%%'));
  await assert.rejects(unpack(text.slice(0, -8)));
});

test('a saved trace answers as the server would', async () => {
  const ask = answers(saved);
  assert.deepEqual(await ask('services'), { services: ['db', 'web'] });
  assert.equal(await ask('traces/ab'), saved.trace);
  const { spans } = (await ask('traces/ab/spans/01')) as { spans: { name: string; resource: { schemaUrl: string }; scope: { name: string } }[] };
  assert.deepEqual(spans.map(({ name, resource, scope }) => [name, resource.schemaUrl, scope.name]), [['first </script>', 'b', 'lib'], ['shares its id', 'a', 'lib']]);
  for (const path of ['traces/ab/spans/03', 'traces/cd/spans/01', 'status']) {
    await assert.rejects(ask(path), (err) => err instanceof ApiError && err.code === 'E_NOT_SAVED');
  }
});
