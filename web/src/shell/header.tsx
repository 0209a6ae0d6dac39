import { go, route } from '../lib/location.ts';
import { formatRoute } from '../lib/route.ts';
import { nextTheme, theme } from '../lib/theme.ts';
import { forget } from '../search/memory.ts';
import { icons, Logo } from './icons.tsx';
import { StatusDialog } from './status.tsx';

export function Header() {
  const [page] = route.value.path;
  return (
    <header class="top">
      <a class="brand" href={formatRoute(['search'])} onClick={forget}>
        <Logo />
        Pando
      </a>
      <nav aria-label="Pages">
        <a href={formatRoute(['search'])} aria-current={page === 'map' ? undefined : 'page'} onClick={forget}>
          Traces
        </a>
        <a href={formatRoute(['map'])} aria-current={page === 'map' ? 'page' : undefined}>
          Map
        </a>
      </nav>
      <form class="open-trace" role="search" aria-label="Open a trace" onSubmit={openTrace}>
        <input
          name="id"
          class="mono"
          placeholder="Open a trace by its id"
          aria-label="Trace id"
          autocomplete="off"
          spellcheck={false}
          pattern="\s*[0-9a-fA-F]{1,32}\s*"
          title="1 to 32 hex digits"
          required
        />
      </form>
      <StatusDialog />
      <button type="button" class="ghost" onClick={nextTheme} aria-label={`Theme: ${theme.value}`} title={`Theme: ${theme.value}`}>
        {icons[theme.value]}
      </button>
    </header>
  );
}

function openTrace(event: SubmitEvent): void {
  event.preventDefault();
  const form = event.currentTarget as HTMLFormElement;
  const id = String(new FormData(form).get('id') ?? '').trim();
  form.reset();
  go(formatRoute(['trace', id.toLowerCase()]));
}
