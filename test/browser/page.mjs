// The story of the page, told by a browser: node page.mjs http://127.0.0.1:PORT
//
// Every step that shows something new also checks it with axe, in both themes,
// and any console message is a failure. PANDO_SHOTS=dir keeps pictures;
// PANDO_STEPS=pattern runs some steps only; PANDO_CHROMIUM names another browser.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import axe from 'axe-core';

const base = process.argv[2];
const shots = process.env.PANDO_SHOTS;
assert.ok(base, 'usage: node page.mjs URL');

/** A 100,000-span trace must be on screen this soon after the navigation began. */
const readyMillis = 1000;
/** And a jump to its end must be drawn this soon. */
const jumpMillis = 250;
/** Budgets are for a machine of one's own: where processes queue, all of them wait that much longer. */
const inBudget = (millis, budget) => millis < budget * Math.max(1, loadavg()[0] / availableParallelism());

const chromiums = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const browser = await chromium.launch({
  executablePath: process.env.PANDO_CHROMIUM ?? chromiums.find(existsSync) ?? chromiums[0],
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});
const problems = [];

async function open(address, options = {}, prepare = () => {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'light', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('console', (message) => problems.push(`${message.type()}: ${message.text()} at ${page.url()}`));
  page.on('pageerror', (error) => problems.push(`error: ${error.message} at ${page.url()}`));
  prepare(page);
  await page.goto(address.startsWith('file:') ? address : `${base}/${address}`);
  return page;
}

const wanted = new RegExp(process.env.PANDO_STEPS ?? '');
if (process.env.PANDO_STEPS) await fetch(`${base}/fixture/fill`, { method: 'POST' });

async function step(name, run) {
  if (!wanted.test(name)) return;
  const began = performance.now();
  await run();
  console.log(`ok  ${String(Math.round(performance.now() - began)).padStart(5)} ms  ${name}`);
}

/** Checks what is on screen for accessibility, light and dark. */
async function check(page, name) {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await page.evaluate(axe.source);
    // Themes differ in colours only: everything else is checked once.
    const rules = scheme === 'light' ? {} : { runOnly: { type: 'rule', values: ['color-contrast'] } };
    const { violations } = await page.evaluate((rules) => window.axe.run(document, { resultTypes: ['violations'], ...rules }), rules);
    for (const { id, help, nodes } of violations) {
      problems.push(`axe ${id} (${help}) on ${name}, ${scheme}: ${nodes.slice(0, 3).map((node) => node.html).join(' | ')}`);
    }
    if (shots) await page.screenshot({ path: `${shots}/${name}-${scheme}.png` });
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

/** The browser reports failed requests itself: takes away those that were asked for. */
function takeProblems(pattern, count) {
  const asked = problems.filter((problem) => pattern.test(problem));
  assert.equal(asked.length, count, problems.join('\n'));
  for (const problem of asked) problems.splice(problems.indexOf(problem), 1);
}

const hashOf = (page) => new URL(page.url()).hash;
const rows = (page) => page.locator('.trace-row');
/** Waits until the results on screen are those of the address. */
const searched = async (page) => {
  await page.waitForFunction(() => document.querySelector('.found:not(.busy)')?.dataset.search === window.location.hash);
};
const current = (page) => page.locator('.timeline .row.current');
const hasText = async (locator, text) => {
  await locator.filter({ hasText: text }).first().waitFor();
};

await step('waiting for the first span, then the search', async () => {
  const page = await open('');
  await page.getByRole('heading', { name: 'Waiting for your first span' }).waitFor();
  await hasText(page.locator('pre'), 'OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318');
  const languages = await page.getByRole('tab').allTextContents();
  assert.deepEqual(languages, ['Go', 'Node.js', 'Java', 'Python', '.NET', 'curl', 'telemetrygen']);
  await page.getByRole('tab', { name: 'Go' }).focus();
  await page.keyboard.press('ArrowLeft');
  await hasText(page.locator('pre'), '--otlp-endpoint 127.0.0.1:4317');
  await check(page, 'waiting');
  await fetch(`${base}/fixture/fill`, { method: 'POST' });
  await rows(page).first().waitFor();
  assert.equal(await rows(page).count(), 50);
  await page.context().close();
});

await step('search by form and facet, with the state in the address', async () => {
  const page = await open('#/search');
  await rows(page).first().waitFor();
  await check(page, 'search');
  await page.getByLabel('Service', { exact: true }).selectOption('payment');
  await page.waitForFunction(() => window.location.hash.includes('service=payment'));
  await page.getByLabel('Operation').selectOption('Payment/Charge');
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-shortcut')), '/');
  await page.keyboard.type('tenant=acme');
  await page.getByLabel('Min duration').fill('1 ms');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => window.location.hash.includes('tags=tenant%3Dacme'));
  await searched(page);
  const found = await rows(page).count();
  assert.ok(found > 0 && found < 50, `${found} traces of payment for acme`);

  const again = await open(hashOf(page)); // the link, shared
  await rows(again).first().waitFor();
  assert.equal(await rows(again).count(), found);
  assert.equal(await again.getByLabel('Tags').inputValue(), 'tenant=acme');
  assert.equal(await again.getByLabel('Operation').inputValue(), 'Payment/Charge');
  assert.equal(await again.getByLabel('Min duration').inputValue(), '1 ms');

  await again.locator('.facets a', { hasText: 'with errors' }).click();
  await again.waitForFunction(() => window.location.hash.includes('errors=true'));
  await again.goBack();
  await again.waitForFunction(() => !window.location.hash.includes('errors=true'));
  await again.locator('.facets a[aria-current]', { hasText: 'acme' }).click();
  await again.waitForFunction(() => !window.location.hash.includes('tenant'));
  await again.context().close();
  await page.context().close();
});

await step('a filter, completed and corrected by keyboard', async () => {
  const page = await open('#/search');
  await rows(page).first().waitFor();
  const filter = page.getByRole('combobox', { name: 'Filter' });
  const options = page.locator('.completions li');
  const pick = async (typed, option) => {
    await page.keyboard.type(typed);
    const wanted = options.filter({ has: page.getByText(option, { exact: true }) });
    await wanted.waitFor();
    while ((await wanted.getAttribute('aria-selected')) !== 'true') await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
  };
  await filter.focus();
  await pick('serv', 'service');
  await pick('', '=');
  await pick('check', 'checkout');
  assert.equal(await filter.inputValue(), 'service = checkout ');
  await pick('', 'and');
  await page.keyboard.type('messaging.');
  await options.filter({ hasText: 'messaging.system' }).waitFor();
  await page.keyboard.press('ArrowDown');
  await check(page, 'completion');
  await page.keyboard.press('Escape');
  await pick('sys', 'messaging.system');
  await pick('', '=');
  await pick('', 'kafka');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => window.location.hash.includes('filter='));
  await searched(page);
  const found = await rows(page).count();
  assert.ok(found > 0, 'traces with an order published');
  assert.equal(await rows(page).filter({ hasText: 'POST /checkout' }).count(), found);

  const again = await open(hashOf(page)); // the link, shared
  await rows(again).first().waitFor();
  assert.equal(await again.getByRole('combobox', { name: 'Filter' }).inputValue(), await filter.inputValue());
  await again.context().close();

  await filter.fill('service = checkout and status = failed');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  await hasText(page.getByRole('alert'), 'At character 33: found "failed", want one of unset, ok, error');
  await check(page, 'mistake');
  takeProblems(/Failed to load resource.*400/, 1);
  await page.context().close();
});

await step('histogram, further pages and spans', async () => {
  const page = await open('#/search?limit=20');
  await rows(page).first().waitFor();
  const bars = page.getByRole('region', { name: 'Traces over time' }).getByRole('button');
  await bars.first().waitFor();
  assert.equal(await bars.count(), 60);
  await page.getByRole('button', { name: 'Load more traces' }).click();
  await page.waitForFunction(() => document.querySelectorAll('.trace-row').length === 40);
  assert.equal(new Set(await rows(page).evaluateAll((links) => links.map((link) => link.href))).size, 40);
  await page.locator('.bars-row button[aria-label*=": 5 traces"], .bars-row button[aria-label*=": 4 traces"]').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => /from=.*to=/.test(window.location.hash));
  await searched(page);
  assert.ok([4, 5].includes(await rows(page).count()), `${await rows(page).count()} traces in the bar`);

  await page.goto(`${base}/#/search?view=spans&filter=db.system+%3D+postgresql&limit=20`);
  const spans = page.locator('table.spans tbody tr');
  await spans.first().waitFor();
  assert.equal(await spans.count(), 20);
  await page.getByRole('button', { name: 'Duration' }).click();
  await page.waitForFunction(() => window.location.hash.includes('sort=duration'));
  await searched(page);
  await page.getByRole('button', { name: 'Load more spans' }).click();
  await page.waitForFunction(() => document.querySelectorAll('table.spans tbody tr').length === 40);
  await check(page, 'spans');
  await spans.first().getByRole('link').click();
  await page.getByRole('complementary', { name: 'Span details' }).getByText('postgresql').waitFor();
  await page.context().close();
});

await step('empty results, wrong input and errors say what to do', async () => {
  const page = await open('#/search?service=cart&min=5h');
  await page.getByRole('heading', { name: 'No trace matches' }).waitFor();
  await check(page, 'empty');
  await page.getByRole('button', { name: 'Any duration' }).click();
  await rows(page).first().waitFor();
  await page.getByLabel('Tags').fill('novalue');
  await page.keyboard.press('Enter');
  await hasText(page.locator('.problem'), 'write key=value');
  await page.context().close();

  const busy = await open('#/search?service=cart&operation=break+the+store');
  await hasText(busy.getByRole('alert'), '64 queries are waiting');
  await check(busy, 'error');
  await busy.context().close();
  const gone = await open('#/trace/4711');
  await hasText(gone.getByRole('alert'), 'is not here');
  await gone.context().close();
  takeProblems(/Failed to load resource.*(429|404)/, 2);
});

await step('results and trace by keyboard alone', async () => {
  const page = await open('#/search?service=checkout&errors=true');
  await rows(page).first().waitFor();
  await rows(page).first().focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.getByRole('treegrid').waitFor();
  await page.keyboard.press('ArrowDown');
  await hasText(current(page), 'Checkout/PlaceOrder');
  await page.keyboard.press('ArrowLeft');
  assert.equal(await current(page).getAttribute('aria-expanded'), 'false');
  assert.equal(await page.locator('.timeline .row').count(), 2);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('e');
  await page.keyboard.press('e');
  await hasText(current(page), 'Payment/Charge');
  await page.keyboard.press('Enter');
  const details = page.getByRole('complementary', { name: 'Span details' });
  await hasText(details, 'card issuer did not answer in 2 s');
  await hasText(details, 'exception.message');
  await hasText(details, 'process.pid');
  await page.waitForFunction(() => window.location.hash.includes('span='));
  await check(page, 'trace');

  const again = await open(hashOf(page)); // the link to the span, shared
  await hasText(again.getByRole('complementary', { name: 'Span details' }), 'card issuer did not answer');
  await again.context().close();

  await page.keyboard.press('Escape');
  await details.waitFor({ state: 'detached' });
  await page.keyboard.press('/');
  await page.keyboard.type('currency');
  await hasText(page.locator('.find .count'), '1 of');
  await page.keyboard.press('Escape');
  assert.ok((await page.locator('.critical').count()) > 0, 'the critical path is drawn');
  await page.keyboard.press('c');
  assert.equal(await page.locator('.critical').count(), 0);
  await page.keyboard.press('f');
  await page.getByTitle('Show the whole time (0)').waitFor();
  await page.keyboard.press('0');
  await page.getByTitle('Show the whole time (0)').waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Back to search' }).click();
  await page.waitForFunction(() => document.activeElement?.classList.contains('trace-row'));
  assert.equal(hashOf(page), '#/search?service=checkout&errors=true');
  await page.context().close();
});

await step('flame graph and statistics', async () => {
  const page = await open('#/search?operation=POST+%2Fcheckout&errors=true');
  await rows(page).first().click();
  await page.getByRole('treegrid').waitFor();
  await page.getByRole('button', { name: 'Flame graph' }).click();
  const flame = page.getByRole('tree', { name: /Flame graph/ });
  await page.waitForFunction(() => document.activeElement?.id === 'flame');
  const before = await flame.getByRole('treeitem').count();
  assert.ok(before > 8, `${before} frames`);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await hasText(page.locator('.flame-facts'), 'Checkout/PlaceOrder');
  await check(page, 'flame');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Show the whole trace' }).waitFor();
  assert.match(await flame.locator('.current').getAttribute('style'), /width: 100%/);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Show the whole trace' }).waitFor({ state: 'detached' });
  assert.ok(hashOf(page).includes('view=flame'), hashOf(page));
  await page.getByRole('button', { name: 'Statistics' }).click();
  await page.getByRole('button', { name: 'Longest' }).click();
  await hasText(page.locator('.statistics tbody tr').first(), 'POST /checkout');
  await check(page, 'statistics');
  await page.locator('.statistics').getByRole('button', { name: 'Payment/Charge' }).first().click();
  await hasText(page.locator('.find .count'), 'of 2');
  await page.goto(`${base}/#/trace/b1?view=flame`);
  await flame.waitFor();
  await hasText(page.locator('.flame-facts'), 'nightly settlement');
  const inDocument = await page.evaluate(() => document.querySelectorAll('*').length);
  assert.ok(inDocument < 4000, `${inDocument} elements in the document`);
  await page.context().close();
});

await step('the address leads a trace, and the way back leads to the spans', async () => {
  const page = await open('#/search?view=spans&sort=duration&filter=kind+%3D+server');
  const spans = page.getByRole('table', { name: 'Spans' });
  const link = spans.getByRole('link').nth(3);
  await link.click();
  const details = page.getByRole('complementary', { name: 'Span details' });
  await details.waitFor();
  await page.getByRole('link', { name: 'Back to search' }).click();
  await spans.waitFor();
  assert.equal(hashOf(page), '#/search?filter=kind+%3D+server&view=spans&sort=duration');
  assert.ok(await link.evaluate((element) => element === document.activeElement), 'the followed link has the focus');
  await link.click();
  await details.waitFor();
  const trace = hashOf(page).split('?')[0];
  await page.evaluate((hash) => (window.location.hash = hash), `${trace}?view=flame`);
  await page.getByRole('tree', { name: /Flame graph/ }).waitFor();
  await page.goBack();
  await details.waitFor();
  await page.evaluate((hash) => (window.location.hash = hash), `${trace}?q=checkout`);
  await details.waitFor({ state: 'detached' });
  assert.equal(await page.locator('.find input').inputValue(), 'checkout');
  await page.context().close();
});

await step('two traces compared', async () => {
  const page = await open('#/search?operation=POST+%2Fcheckout&limit=100');
  await rows(page).first().waitFor();
  await page.getByRole('checkbox', { name: /to compare/ }).nth(0).check();
  await page.getByRole('checkbox', { name: /to compare/ }).nth(4).check();
  await page.getByRole('link', { name: 'Compare the two chosen traces' }).click();
  const table = page.getByRole('table', { name: 'Differences' });
  await table.getByRole('row').nth(1).waitFor();
  await hasText(table.getByRole('row').nth(1), 'POST /checkout');
  await check(page, 'compare');
  const ids = hashOf(page).split('/').slice(2);
  assert.equal(ids.length, 2);
  await page.getByRole('button', { name: 'Swap the traces' }).click();
  await page.waitForFunction((hash) => window.location.hash === hash, `#/compare/${ids[1]}/${ids[0]}`);
  await page.goto(`${base}/#/compare/${ids[0]}/${ids[0]}`);
  await page.getByRole('button', { name: /Slower in B 0/ }).waitFor();
  await page.goto(`${base}/#/trace/${ids[0]}`);
  await page.getByRole('button', { name: 'Compare…' }).click();
  await page.getByLabel('Id of the trace to compare with').fill('cc');
  await page.keyboard.press('Enter');
  await table.getByRole('row').nth(1).waitFor();
  const drawn = await table.getByRole('row').count();
  assert.ok(drawn < 100, `${drawn} rows of thousands in the document`);
  await page.getByRole('button', { name: /Only in A/ }).click();
  assert.match(hashOf(page), /\?show=removed$/);
  await page.reload();
  await page.getByRole('button', { name: /Only in A/, pressed: true }).waitFor();
  await page.context().close();
});

await step('the map of services leads to their calls', async () => {
  const page = await open('#/search');
  await rows(page).first().waitFor();
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Map' }).click();
  const map = page.getByRole('region', { name: 'Map of services' });
  await map.getByRole('link', { name: /^checkout calls payment: / }).waitFor();
  assert.equal(await map.locator('.service-node').count(), 12);
  const [left, right] = await Promise.all(['checkout', 'payment'].map((name) => map.getByRole('link', { name: new RegExp(`^${name} \\d`) }).locator('circle').boundingBox()));
  assert.ok(left.x < right.x, 'the caller stands left of the called');
  await hasText(page.getByRole('table', { name: 'Calls' }), 'Caller');
  await check(page, 'map');
  await page.getByLabel('Time').selectOption('3h');
  await page.waitForFunction(() => window.location.hash === '#/map?range=3h');
  const call = map.getByRole('link', { name: /^checkout calls payment: / });
  await call.focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => window.location.hash.includes('service=payment'));
  await rows(page).first().waitFor();
  assert.equal(await page.getByRole('combobox', { name: 'Filter' }).inputValue(), 'kind in (server, consumer)');
  await page.context().close();
});

await step('a saved trace opens without a server, and runs nothing of its data', async () => {
  const page = await open('#/trace/bd');
  await page.getByRole('treegrid').waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Save as HTML' }).click()]);
  const file = join(await mkdtemp(join(tmpdir(), 'pando-page-')), download.suggestedFilename());
  await download.saveAs(file);
  await page.context().close();

  const requests = [];
  const saved = await open(pathToFileURL(file).href, { offline: true }, (page) => page.on('request', (request) => requests.push(request.url())));
  const row = saved.locator('.timeline .row').first();
  await hasText(row, '</script><script>document.title="run"</script>');
  await row.click();
  const details = saved.getByRole('complementary', { name: 'Span details' });
  await hasText(details, 'onerror=');
  await hasText(details, 'deployment.environment');
  await saved.waitForFunction(() => window.location.hash.includes('span='));
  await check(saved, 'saved');
  await saved.getByRole('button', { name: 'Flame graph' }).click();
  await saved.getByRole('tree', { name: /Flame graph/ }).waitFor();
  assert.equal(await saved.getByRole('link').count(), 0, 'a saved trace leads nowhere');
  assert.notEqual(await saved.title(), 'run');
  assert.deepEqual(requests, [pathToFileURL(file).href]);
  await saved.context().close();
  await rm(dirname(file), { recursive: true });
});

await step('links, folds, services and copies by mouse', async () => {
  const page = await open('#/search?operation=orders+process&service=fulfilment');
  await rows(page).first().click();
  const details = page.getByRole('complementary', { name: 'Span details' });
  await page.locator('.timeline .row').first().click();
  await hasText(details, 'messaging.kafka.offset');
  await hasText(details, '11 more were dropped by the sender');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await details.getByRole('button', { name: 'Copy the span id' }).click();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^[0-9a-f]{16}$/);
  await page.getByRole('button', { name: 'Collapse all' }).click();
  assert.equal(await page.locator('.timeline .row').count(), 7);
  await page.getByRole('button', { name: 'Keys' }).click();
  await page.getByRole('heading', { name: 'Keys of the timeline' }).waitFor();
  await check(page, 'link');
  await page.keyboard.press('Escape');
  const map = await page.locator('.minimap canvas').boundingBox();
  await page.mouse.move(map.x + map.width * 0.3, map.y + 20);
  await page.mouse.down();
  await page.mouse.move(map.x + map.width * 0.6, map.y + 30, { steps: 4 });
  await page.mouse.up();
  await page.getByTitle('Show the whole time (0)').waitFor();
  await check(page, 'zoomed');
  await details.getByRole('link', { name: /^Trace / }).click();
  await hasText(page.locator('h1'), 'POST /checkout');
  await page.context().close();
});

await step('the plot narrows the time', async () => {
  const page = await open('#/search?limit=200');
  await rows(page).first().waitFor();
  const plot = await page.locator('.scatter canvas').boundingBox();
  await page.mouse.move(plot.x + plot.width * 0.5, plot.y + 12);
  await page.mouse.down();
  await page.mouse.move(plot.x + plot.width * 0.8, plot.y + 20, { steps: 4 });
  await page.mouse.up();
  await page.waitForFunction(() => /from=.*to=/.test(window.location.hash));
  await searched(page);
  const found = await rows(page).count();
  assert.ok(found > 0 && found < 160, `${found} traces in the narrowed time`);
  assert.equal(await page.getByLabel('Time', { exact: true }).inputValue(), 'custom');
  await check(page, 'narrowed');
  await page.context().close();
});

await step('damaged traces are drawn', async () => {
  const page = await open('#/trace/da');
  for (const note of ['parent that is not here', 'circle', 'clocks differ', 'came twice']) await hasText(page.locator('.notes'), note);
  assert.equal(await page.locator('.timeline .row').count(), 24);
  await check(page, 'damaged');
  await page.goto(`${base}/#/trace/cc`);
  await page.locator('.row').first().waitFor();
  await page.keyboard.press('End');
  await page.waitForFunction(() => document.querySelector('.row.current')?.getAttribute('aria-level') === '3000');
  await page.context().close();
});

await step(`100,000 spans in ${readyMillis} ms`, async () => {
  // Other work on the machine only ever adds time: the best of three is the page's own.
  const times = [];
  let page;
  for (let round = 0; round < 3; round++) {
    await page?.context().close();
    page = await open('#/trace/b1');
    await page.waitForFunction(() => performance.getEntriesByName('pando:trace-ready').length > 0);
    times.push(Math.round(await page.evaluate(() => performance.getEntriesByName('pando:trace-ready')[0].startTime)));
  }
  console.log(`    ready after ${times.join(', ')} ms`);
  assert.ok(inBudget(Math.min(...times), readyMillis), `ready after ${times} ms`);

  const inDocument = await page.evaluate(() => document.querySelectorAll('*').length);
  assert.ok(inDocument < 1500, `${inDocument} elements in the document`);
  const jumps = [];
  for (const key of ['End', 'Home', 'End']) {
    const jumped = await page.evaluate(async (key) => {
      const began = performance.now();
      const grid = document.getElementById('timeline');
      grid.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      while (grid.querySelector('.row.current')?.getAttribute('aria-rowindex') !== (key === 'End' ? '100001' : '2')) await frame();
      return performance.now() - began;
    }, key);
    jumps.push(Math.round(jumped));
  }
  console.log(`    jumps in ${jumps.join(', ')} ms`);
  assert.ok(inBudget(Math.min(...jumps), jumpMillis), `jumps took ${jumps} ms`);
  await page.getByLabel('Find a service, an operation or a span id').fill('settle merchant 07');
  await hasText(page.locator('.find .count'), '1 of');
  await check(page, 'big');
  await page.context().close();
});

await step('theme and status', async () => {
  const page = await open('#/search', { colorScheme: 'dark' });
  await rows(page).first().waitFor();
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await ground();
  await page.getByRole('button', { name: 'Theme: auto' }).click();
  const light = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  await rows(page).first().waitFor();
  assert.equal(await ground(), light, 'the choice is kept');
  await page.getByRole('button', { name: 'Theme: light' }).click();
  assert.equal(await ground(), dark);
  await page.getByRole('button', { name: 'Status' }).click();
  await hasText(page.locator('dialog'), '0.1.0-test');
  await hasText(page.locator('dialog'), '127.0.0.1:4317');
  await check(page, 'status');
  await page.keyboard.press('Escape');
  await page.context().close();
});

await step('a narrow window', async () => {
  const page = await open('#/search', { viewport: { width: 400, height: 800 } });
  await rows(page).first().waitFor();
  const wide = () => page.evaluate(() => Math.max(...['html', 'main', '.timeline'].map((part) => document.querySelector(part)?.scrollWidth ?? 0)));
  assert.ok((await wide()) <= 400, `the search is ${await wide()} pixels wide`);
  await check(page, 'narrow');
  await page.goto(`${base}/#/trace/cc`);
  await page.locator('.row').first().waitFor();
  assert.ok((await wide()) <= 400, `the trace is ${await wide()} pixels wide`);
  await page.goto(`${base}/#/map`);
  await page.getByRole('table', { name: 'Calls' }).waitFor();
  assert.ok((await wide()) <= 400, `the map is ${await wide()} pixels wide`);
  await page.goto(`${base}/#/compare/cc/bd`);
  await page.getByRole('table', { name: 'Differences' }).waitFor();
  assert.ok((await wide()) <= 400, `the comparison is ${await wide()} pixels wide`);
  await page.context().close();
});

await browser.close();
assert.deepEqual(problems, []);
