import { render } from 'preact';
import '../styles/index.css';
import { goOffline } from '../lib/api.ts';
import { nextTheme, theme } from '../lib/theme.ts';
import { icons, Logo } from '../shell/icons.tsx';
import { listenForShortcuts } from '../shell/shortcuts.ts';
import { TracePage } from '../trace/page.tsx';
import { answers, unpack } from './saved.ts';

/** A saved trace by itself: the page of a trace with nowhere else to go. */
function Viewer({ id }: { id: string }) {
  return (
    <>
      <header class="top">
        <span class="brand">
          <Logo />
          Pando
        </span>
        <span class="muted saved">Saved trace</span>
        <button type="button" class="ghost" onClick={nextTheme} aria-label={`Theme: ${theme.value}`} title={`Theme: ${theme.value}`}>
          {icons[theme.value]}
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        <TracePage id={id} />
      </main>
    </>
  );
}

async function start(): Promise<void> {
  const app = document.getElementById('app')!;
  try {
    const saved = await unpack(document.getElementById('trace')!.textContent ?? '');
    goOffline(answers(saved));
    listenForShortcuts();
    render(<Viewer id={saved.trace.traceId} />, app);
  } catch (err) {
    app.textContent = `This file is damaged: ${String(err)}`;
  }
}

void start();
