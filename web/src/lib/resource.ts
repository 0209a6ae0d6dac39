import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from './api.ts';

/** Something being loaded. While a newer value loads, the older one stays in `value`. */
export interface Resource<T> {
  value?: T;
  error?: ApiError;
  loading: boolean;
}

/**
 * Loads a value whenever key changes, and drops answers that come too late. An
 * empty key loads nothing. A value known at the start spares the first load.
 */
export function useResource<T>(key: string, load: (signal: AbortSignal) => Promise<T>, known?: T): Resource<T> {
  const [state, setState] = useState<Resource<T>>(() =>
    known === undefined ? { loading: key !== '' } : { value: known, loading: false },
  );
  const spared = useRef(known !== undefined);
  useEffect(() => {
    if (spared.current) {
      spared.current = false;
      return;
    }
    if (key === '') {
      setState({ loading: false });
      return;
    }
    const control = new AbortController();
    setState(({ value }) => (value === undefined ? { loading: true } : { value, loading: true }));
    load(control.signal).then(
      (value) => {
        if (!control.signal.aborted) setState({ value, loading: false });
      },
      (err: unknown) => {
        if (!control.signal.aborted) setState({ error: asApiError(err), loading: false });
      },
    );
    return () => control.abort();
  }, [key]);
  return state;
}

function asApiError(err: unknown): ApiError {
  if (err instanceof ApiError) return err;
  return new ApiError('E_PAGE', String(err), 'This is a bug of the page. Reload it; the browser console has the details.');
}
