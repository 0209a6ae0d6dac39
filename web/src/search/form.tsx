import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { api } from '../lib/api.ts';
import { useResource } from '../lib/resource.ts';
import { FilterBar, type Refused } from './filterbar.tsx';
import { checkState, defaults, limits, ranges, type Problems, type SearchState } from './state.ts';

interface Props {
  state: SearchState;
  busy: boolean;
  /** The filter that the server refused, if it did. */
  refused: Refused | undefined;
  onSubmit: (state: SearchState) => void;
}

/** The search form. It edits a draft and hands it out whole. */
export function SearchForm({ state, busy, refused, onSubmit }: Props) {
  const [draft, setDraft] = useState(state);
  const [problems, setProblems] = useState<Problems>(() => checkState(state));
  const sent = useRef('');
  // A new address brings a new draft. The fields stay, and with them the focus. What
  // was typed since the form itself asked for that address stays too.
  useLayoutEffect(() => {
    if (sent.current !== JSON.stringify(state)) setDraft(state);
    sent.current = '';
    setProblems(checkState(state));
  }, [state]);
  const services = useResource('services', api.services);
  const operations = useResource(draft.service, (signal) => api.operations(draft.service, signal));
  const names = [...new Set(operations.value?.map(({ name }) => name))];

  const submit = (next: SearchState): void => {
    const found = checkState(next);
    setProblems(found);
    if (Object.keys(found).length > 0) return;
    sent.current = JSON.stringify(next);
    onSubmit(next);
  };
  const set = (change: Partial<SearchState>): void => setDraft({ ...draft, ...change });
  /** Choices take effect at once; texts wait for Enter. */
  const choose = (change: Partial<SearchState>): void => {
    const next = { ...draft, ...change };
    setDraft(next);
    submit(next);
  };

  return (
    <form
      class="filters"
      role="search"
      aria-label="Search traces"
      onSubmit={(event) => {
        event.preventDefault();
        submit(draft);
      }}
    >
      <Choice label="Service" value={draft.service} empty="All services" options={services.value ?? []} onChange={(service) => choose({ service, operation: '' })} />
      <Choice
        label="Operation"
        value={draft.operation}
        empty={draft.service === '' ? 'Choose a service first' : 'All operations'}
        options={names}
        disabled={draft.service === '' && draft.operation === ''}
        onChange={(operation) => choose({ operation })}
      />
      <TagsField value={draft.tags} problem={problems.tags} onInput={(tags) => set({ tags })} />
      <DurationField label="Min" value={draft.min} problem={problems.min} onInput={(min) => set({ min })} />
      <DurationField label="Max" value={draft.max} problem={problems.max} onInput={(max) => set({ max })} />
      <TimeFields draft={draft} problem={problems.range} set={set} choose={choose} />
      <OrderFields draft={draft} choose={choose} />
      <label class="check">
        <input type="checkbox" checked={draft.errors} onChange={(e) => choose({ errors: e.currentTarget.checked })} />
        Errors only
      </label>
      <FilterBar value={draft.filter} service={draft.service} services={services.value ?? noNames} refused={refused} onInput={(filter) => set({ filter })} />
      <div class="actions">
        <button type="button" class="ghost" onClick={() => choose({ ...defaults, view: draft.view })}>
          Reset
        </button>
        <button type="submit" class="primary" aria-busy={busy}>
          Search
        </button>
      </div>
    </form>
  );
}

const noNames: readonly string[] = [];

type Change = (change: Partial<SearchState>) => void;

function TimeFields({ draft, problem, set, choose }: { draft: SearchState; problem: string | undefined; set: Change; choose: Change }) {
  return (
    <>
      <Field label="Time" problem={problem}>
        {(id) => (
          <select
            id={id}
            value={draft.range}
            onChange={(e) => {
              const range = e.currentTarget.value;
              if (range === 'custom') set({ range, ...aroundNow() });
              else choose({ range, from: '', to: '' });
            }}
          >
            {ranges.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
            <option value="custom">From … to …</option>
          </select>
        )}
      </Field>
      {draft.range === 'custom' && (
        <>
          <InstantField label="From" value={draft.from} onInput={(from) => set({ from })} />
          <InstantField label="To" value={draft.to} onInput={(to) => set({ to })} />
        </>
      )}
    </>
  );
}

function OrderFields({ draft, choose }: { draft: SearchState; choose: Change }) {
  return (
    <>
      {draft.view === 'traces' && (
        <Field label="Order">
          {(id) => (
            <select id={id} value={draft.order} onChange={(e) => choose({ order: e.currentTarget.value as SearchState['order'] })}>
              <option value="newest">Newest</option>
              <option value="slowest">Slowest</option>
            </select>
          )}
        </Field>
      )}
      <Field label="Limit">
        {(id) => (
          <select id={id} value={String(draft.limit)} onChange={(e) => choose({ limit: Number(e.currentTarget.value) })}>
            {limits.map((limit) => (
              <option key={limit} value={String(limit)}>
                {limit}
              </option>
            ))}
          </select>
        )}
      </Field>
    </>
  );
}

function TagsField({ value, problem, onInput }: { value: string; problem: string | undefined; onInput: (value: string) => void }) {
  return (
    <Field label="Tags" problem={problem} class="grow">
      {(id) => (
        <input
          id={id}
          class="mono"
          data-shortcut="/"
          value={value}
          placeholder="http.response.status_code=500 tenant=acme"
          title="key=value words; quote values with spaces. Press / to come here."
          autocomplete="off"
          spellcheck={false}
          onInput={(e) => onInput(e.currentTarget.value)}
        />
      )}
    </Field>
  );
}

interface FieldProps {
  label: string;
  problem?: string | undefined;
  class?: string;
  children: (id: string) => ComponentChildren;
}

function Field({ label, problem, class: extra = '', children }: FieldProps) {
  const id = useId();
  return (
    <div class={`field ${extra} ${problem ? 'wrong' : ''}`}>
      <label for={id}>{label}</label>
      {children(id)}
      {problem && (
        <span class="problem" role="alert">
          {problem}
        </span>
      )}
    </div>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  empty: string;
  options: readonly string[];
  disabled?: boolean;
  onChange: (value: string) => void;
}

function Choice({ label, value, empty, options, disabled, onChange }: ChoiceProps) {
  // A value from the address is offered even while, or although, the server does not list it.
  const all = value === '' || options.includes(value) ? options : [value, ...options];
  return (
    <Field label={label} class="choice">
      {(id) => (
        <select id={id} value={value} disabled={disabled ?? false} onChange={(e) => onChange(e.currentTarget.value)}>
          <option value="">{empty}</option>
          {all.map((option) => (
            <option key={option} value={option}>
              {option}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function DurationField({ label, value, problem, onInput }: { label: string; value: string; problem: string | undefined; onInput: (value: string) => void }) {
  return (
    <Field label={`${label} duration`} problem={problem} class="short">
      {(id) => <input id={id} value={value} placeholder={label === 'Min' ? '100ms' : '2s'} autocomplete="off" onInput={(e) => onInput(e.currentTarget.value)} />}
    </Field>
  );
}

/** An ISO instant edited as local date and time. */
function InstantField({ label, value, onInput }: { label: string; value: string; onInput: (value: string) => void }) {
  const at = Date.parse(value);
  const local = Number.isNaN(at) ? '' : new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
  return (
    <Field label={label}>
      {(id) => (
        <input
          id={id}
          type="datetime-local"
          step="1"
          value={local}
          onChange={(e) => {
            const chosen = new Date(e.currentTarget.value);
            if (!Number.isNaN(chosen.getTime())) onInput(chosen.toISOString());
          }}
        />
      )}
    </Field>
  );
}

function aroundNow(): { from: string; to: string } {
  const now = Date.now();
  return { from: new Date(now - 3_600_000).toISOString(), to: new Date(now).toISOString() };
}
