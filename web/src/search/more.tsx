import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../lib/api.ts';

/** A list that grows page by page. */
export interface Paged<T> {
  /** The answer with the rows of all pages so far, and the token of the last one. */
  answer: T;
  loading: boolean;
  error: ApiError | undefined;
  more: () => void;
}

/** Starts with a first answer; `next` loads the page after an answer and `join` adds it. */
export function usePages<T>(first: T, next: (answer: T, signal: AbortSignal) => Promise<T>, join: (all: T, page: T) => T): Paged<T> {
  const [answer, setAnswer] = useState(first);
  const [error, setError] = useState<ApiError | undefined>();
  const [loading, setLoading] = useState(false);
  const control = useRef<AbortController | null>(null);
  useEffect(() => () => control.current?.abort(), []);
  const more = (): void => {
    if (loading) return;
    const current = new AbortController();
    control.current = current;
    setLoading(true);
    setError(undefined);
    next(answer, current.signal)
      .then(
        (page) => !current.signal.aborted && setAnswer(join(answer, page)),
        (err: unknown) => !current.signal.aborted && setError(err instanceof ApiError ? err : new ApiError('E_PAGE', String(err), 'Reload the page.')),
      )
      .finally(() => !current.signal.aborted && setLoading(false));
  };
  return { answer, loading, error, more };
}

/** The button below a list that has more. */
export function More({ pages, token, noun }: { pages: Paged<unknown>; token: string; noun: string }) {
  if (token === '') return null;
  return (
    <p class="more">
      <button type="button" aria-busy={pages.loading} onClick={pages.more}>
        {pages.loading ? `Loading ${noun}…` : `Load more ${noun}`}
      </button>
      {pages.error && (
        <span class="failed" role="alert">
          {pages.error.message}. {pages.error.hint}
        </span>
      )}
    </p>
  );
}
