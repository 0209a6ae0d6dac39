import { useRef, useState } from 'preact/hooks';
import { api } from '../lib/api.ts';
import { reachable } from '../lib/endpoints.ts';
import { formatAgo, formatCount, formatDate, formatTime, millisOfNanos } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { CopyButton } from './copy.tsx';
import { ErrorPanel } from './error.tsx';
import { icons } from './icons.tsx';

/** A button, and behind it what runs here and how to reach it. Loads each time it is opened. */
export function StatusDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [opened, setOpened] = useState(0);
  const open = (): void => {
    setOpened(opened + 1);
    dialog.current?.showModal();
  };
  return (
    <>
      <button type="button" class="ghost" onClick={open}>
        Status
      </button>
      <dialog ref={dialog} class="status" aria-labelledby="status-title">
        <div class="dialog-head">
          <h2 id="status-title">Status</h2>
          <button type="button" class="ghost" aria-label="Close" onClick={() => dialog.current?.close()}>
            {icons.close}
          </button>
        </div>
        {opened > 0 && <StatusBody key={opened} />}
      </dialog>
    </>
  );
}

function StatusBody() {
  const { value, error } = useResource('status', api.status);
  if (error) return <ErrorPanel error={error} />;
  if (!value) return <p class="muted">Asking the server…</p>;
  const started = millisOfNanos(value.startedUnixNano);
  return (
    <dl class="facts">
      <dt>Version</dt>
      <dd>{value.version}</dd>
      <dt>Built with</dt>
      <dd>{value.goVersion}</dd>
      <dt>Started</dt>
      <dd>
        {formatDate(started)} {formatTime(started).slice(0, 8)} <span class="muted">({formatAgo(started, Date.now())})</span>
      </dd>
      <dt>Services seen</dt>
      <dd>{formatCount(value.serviceCount)}</dd>
      {value.endpoints.map((endpoint) => (
        <>
          <dt>{endpoint.name}</dt>
          <dd>
            <code>{reachable(endpoint.address)}</code>
            <CopyButton text={reachable(endpoint.address)} label={`Copy the address of ${endpoint.name}`} />
          </dd>
        </>
      ))}
    </dl>
  );
}
