import { render } from 'preact';
import { App } from './shell/app.tsx';
import { listenForShortcuts } from './shell/shortcuts.ts';

listenForShortcuts();
render(<App />, document.getElementById('app')!);
