import { useEffect, useState } from 'preact/hooks';
import { api, type Status } from '../lib/api.ts';
import { addressOf } from '../lib/endpoints.ts';
import { CopyButton } from './copy.tsx';
import { ready } from './ready.ts';
import { setups } from './setup.ts';

const pollMillis = 1500;

/** Before the first span: how to send one. Turns into the search page when it arrives. */
export function WaitingPage({ status }: { status: Status }) {
  const reached = useArrival();
  const targets = { grpc: addressOf(status.endpoints, 'otlp-grpc'), http: addressOf(status.endpoints, 'otlp-http') };
  return (
    <div class="waiting">
      <h1>
        <span class="pulse" aria-hidden="true" />
        Waiting for your first span
      </h1>
      <p role="status">
        {reached
          ? 'Pando is ready and listening. This page turns into the trace search as soon as a span arrives.'
          : 'The server does not answer at the moment. This page keeps asking.'}
      </p>
      <dl class="targets">
        <div>
          <dt>OTLP over HTTP</dt>
          <dd>
            <code>http://{targets.http}</code>
            <CopyButton text={`http://${targets.http}`} label="Copy the HTTP endpoint" />
          </dd>
        </div>
        <div>
          <dt>OTLP over gRPC</dt>
          <dd>
            <code>{targets.grpc}</code>
            <CopyButton text={targets.grpc} label="Copy the gRPC endpoint" />
          </dd>
        </div>
      </dl>
      <SetupTabs targets={targets} />
    </div>
  );
}

function SetupTabs({ targets }: { targets: { grpc: string; http: string } }) {
  const [chosen, choose] = useState(0);
  const all = setups(targets);
  const setup = all[chosen]!;
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (chosen + step + all.length) % all.length;
    choose(next);
    document.getElementById(`setup-tab-${next}`)?.focus();
  };
  return (
    <section class="setup" aria-label="Set-up by language">
      <div role="tablist" aria-label="Language" onKeyDown={onKeyDown}>
        {all.map(({ name }, i) => (
          <button
            type="button"
            key={name}
            id={`setup-tab-${i}`}
            role="tab"
            aria-selected={i === chosen}
            aria-controls="setup-panel"
            tabIndex={i === chosen ? 0 : -1}
            onClick={() => choose(i)}
          >
            {name}
          </button>
        ))}
      </div>
      <div id="setup-panel" role="tabpanel" aria-labelledby={`setup-tab-${chosen}`}>
        <p>{setup.text}</p>
        <div class="code">
          <pre tabIndex={0} aria-label={`Commands for ${setup.name}`}>
            {setup.code}
          </pre>
          <CopyButton text={setup.code} label={`Copy the commands for ${setup.name}`} />
        </div>
      </div>
    </section>
  );
}

/** Asks for the status until a span has arrived; tells whether the last question was answered. */
function useArrival(): boolean {
  const [reached, setReached] = useState(true);
  useEffect(() => {
    const control = new AbortController();
    let timer = 0;
    const ask = async (): Promise<void> => {
      try {
        const { state } = await api.status(control.signal);
        setReached(true);
        if (state === 'ready') ready.value = true;
      } catch {
        setReached(false);
      }
      if (!control.signal.aborted) timer = window.setTimeout(ask, pollMillis);
    };
    timer = window.setTimeout(ask, pollMillis);
    return () => {
      control.abort();
      window.clearTimeout(timer);
    };
  }, []);
  return reached;
}
