import { go } from '../lib/location.ts';
import { formatRoute, fullTraceId } from '../lib/route.ts';

/** Where to go to choose the other trace: a form with its id. */
export function CompareForm({ traceId }: { traceId: string }) {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const other = String(new FormData(event.currentTarget as HTMLFormElement).get('other') ?? '').trim();
    go(formatRoute(['compare', traceId, fullTraceId(other)]));
  };
  return (
    <form class="compare-form" onSubmit={submit}>
      <input name="other" class="mono" aria-label="Id of the trace to compare with" placeholder="Id of the other trace" pattern="\s*[0-9a-fA-F]{1,32}\s*" title="1 to 32 hex digits" autocomplete="off" spellcheck={false} required />
      <button type="submit">Compare</button>
    </form>
  );
}
