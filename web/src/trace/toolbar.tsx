import { formatCount, formatDuration } from '../lib/format.ts';
import { icons } from '../shell/icons.tsx';
import { views, type TraceState, type View } from './state.ts';

const keys: readonly (readonly [keys: string, does: string])[] = [
  ['↑ ↓', 'previous, next row'],
  ['← →', 'collapse, expand; then parent, child'],
  ['Home End', 'first, last row'],
  ['Enter', 'details of the row'],
  ['Esc', 'close the details'],
  ['/', 'find'],
  ['n N', 'next, previous match'],
  ['e', 'next error'],
  ['c', 'critical path on, off'],
  ['+ − 0', 'zoom in, out, all'],
  ['f', 'fit the span'],
];

const viewNames: Readonly<Record<View, string>> = { timeline: 'Timeline', flame: 'Flame graph', statistics: 'Statistics' };

/** The ways to look at the trace, and the tools of the timeline. */
export function Toolbar({ state }: { state: TraceState }) {
  return (
    <div class="toolbar">
      <div class="choices" role="group" aria-label="View">
        {views.map((view) => (
          <button type="button" key={view} aria-pressed={state.view === view} onClick={() => state.choose(view)}>
            {viewNames[view]}
          </button>
        ))}
      </div>
      {state.view === 'timeline' && <TimelineTools state={state} />}
    </div>
  );
}

/** Find, folds and zoom. */
function TimelineTools({ state }: { state: TraceState }) {
  return (
    <>
      <Find state={state} />
      {state.model.errorRows.length > 0 && (
        <button type="button" class="ghost failed" onClick={() => state.nextError()} title="Next error (e)">
          {icons.error} Next error
        </button>
      )}
      <span class="spring" />
      {state.zoomed && (
        <button type="button" class="ghost" onClick={() => state.showAll()} title="Show the whole time (0)">
          {formatDuration(state.range.start)} – {formatDuration(state.range.end)} {icons.close}
        </button>
      )}
      <button
        type="button"
        class="ghost switch"
        aria-pressed={state.critical}
        onClick={() => state.toggleCritical()}
        title="Mark the time in which shortening a span would shorten the trace (c)"
      >
        <span class="line" /> Critical path
      </button>
      <button type="button" class="ghost" onClick={() => state.foldAll(false)}>
        Expand all
      </button>
      <button type="button" class="ghost" onClick={() => state.foldAll(true)}>
        Collapse all
      </button>
      <button type="button" class="ghost" popovertarget="trace-keys">
        Keys
      </button>
      <div id="trace-keys" class="keys" popover="auto">
        <h2>Keys of the timeline</h2>
        <dl>
          {keys.map(([key, does]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
      </div>
    </>
  );
}

function Find({ state }: { state: TraceState }) {
  const matches = state.matches.value;
  const at = matches.indexOf(state.cursor);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter') {
      event.preventDefault();
      state.nextMatch(event.shiftKey ? -1 : 1);
    } else if (event.key === 'Escape') {
      state.find('');
      document.getElementById('timeline')?.focus();
    }
  };
  return (
    <div class="find" role="search" aria-label="Find in this trace">
      {icons.search}
      <input
        type="text"
        data-shortcut="/"
        aria-label="Find a service, an operation or a span id"
        placeholder="Find service, operation or span id"
        autocomplete="off"
        spellcheck={false}
        value={state.query}
        onInput={(event) => state.find(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      {state.query !== '' && (
        <>
          <span class="muted count" role="status">
            {matches.length === 0 ? 'no match' : `${at < 0 ? '–' : formatCount(at + 1)} of ${formatCount(matches.length)}`}
          </span>
          <button type="button" class="ghost" aria-label="Previous match" disabled={matches.length === 0} onClick={() => state.nextMatch(-1)}>
            {icons.up}
          </button>
          <button type="button" class="ghost" aria-label="Next match" disabled={matches.length === 0} onClick={() => state.nextMatch(1)}>
            {icons.down}
          </button>
        </>
      )}
    </div>
  );
}
