import type { ApiError } from '../lib/api.ts';

/** What failed, why, and what to do. */
export function ErrorPanel({ error, retry }: { error: ApiError; retry?: boolean }) {
  return (
    <div class="panel error" role="alert">
      <h2>{sentence(error.message)}</h2>
      <p>{error.hint}</p>
      <p class="muted mono">{error.code}</p>
      {retry && (
        <button type="button" onClick={() => window.location.reload()}>
          Try again
        </button>
      )}
    </div>
  );
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
