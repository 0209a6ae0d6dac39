import { useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { api, type ApiError, type Vocabulary } from '../lib/api.ts';
import { useResource } from '../lib/resource.ts';
import { complete, serviceIn, type Completion, type Known } from './complete.ts';

/** A filter that was refused, and why. */
export interface Refused {
  filter: string;
  error: ApiError;
}

interface Props {
  value: string;
  /** The service chosen in the form. */
  service: string;
  services: readonly string[];
  refused: Refused | undefined;
  onInput: (value: string) => void;
}

const closed: Completion = { from: 0, to: 0, suggestions: [] };

/** A text field for a filter that completes its words; a combobox to assistive tools. */
export function FilterBar({ value, service, services, refused, onInput }: Props) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [used, setUsed] = useState(false);
  /** Where completions are wanted: behind this many characters, or nowhere. */
  const [at, setAt] = useState<number | null>(null);
  /** The chosen completion: by its text, since others may arrive before it. */
  const [choice, setChoice] = useState('');
  const accepted = useRef<number | null>(null);
  const known = useKnown(used, service || serviceIn(value, services), services);
  const completion = useMemo(() => (at === null ? closed : complete(value, at, known)), [value, at, ...Object.values(known)]);
  const active = choice === '' ? -1 : completion.suggestions.findIndex(({ text }) => text === choice);

  const suggest = (): void => {
    setChoice('');
    setAt(input.current!.selectionStart);
  };
  const close = (): void => {
    setChoice('');
    setAt(null);
  };
  const accept = (index: number): void => {
    const chosen = completion.suggestions[index];
    if (!chosen) return;
    const head = `${value.slice(0, completion.from)}${chosen.text} `;
    const next = head + value.slice(completion.to).replace(/^\s+/, '');
    close();
    if (next === value) return;
    accepted.current = head.length;
    onInput(next);
  };
  // What follows an accepted word is completed next.
  useLayoutEffect(() => {
    if (accepted.current === null) return;
    input.current!.setSelectionRange(accepted.current, accepted.current);
    accepted.current = null;
    suggest();
  }, [value]);

  const onKeyDown = (event: KeyboardEvent): void => {
    const { suggestions } = completion;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && suggestions.length > 0) setChoice(suggestions.at((active < 0 && step < 0 ? -1 : active + step) % suggestions.length)!.text);
    else if (step === 1 || (event.key === ' ' && event.ctrlKey)) suggest();
    else if ((event.key === 'Enter' || event.key === 'Tab') && active >= 0) accept(active);
    else if (event.key === 'Escape' && suggestions.length > 0) close();
    else {
      if (event.key === 'Enter') close();
      return; // Enter searches, Tab goes on
    }
    event.preventDefault();
  };
  const open = completion.suggestions.length > 0;
  const problem = refused?.filter === value.trim() ? refused.error : undefined;
  return (
    <div class={problem ? 'field filter wrong' : 'field filter'}>
      <label for={id}>Filter</label>
      <input
        ref={input}
        id={id}
        class="mono"
        role="combobox"
        aria-expanded={open}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={active >= 0 ? `${id}-${active}` : undefined}
        aria-invalid={problem !== undefined}
        aria-describedby={problem ? `${id}-problem` : undefined}
        value={value}
        placeholder="duration > 100ms and http.response.status_code in (500, 503)"
        autocomplete="off"
        spellcheck={false}
        onFocus={() => setUsed(true)}
        onBlur={close}
        onClick={() => suggest()}
        onInput={(event) => {
          onInput(event.currentTarget.value);
          suggest();
        }}
        onKeyDown={onKeyDown}
      />
      <ul id={`${id}-list`} class="completions" role="listbox" aria-label="Completions" hidden={!open} style={{ '--at': completion.from }}>
        {completion.suggestions.map(({ text, detail }, i) => (
          <li
            key={text}
            id={`${id}-${i}`}
            ref={(element) => {
              if (i === active) element?.scrollIntoView({ block: 'nearest' });
            }}
            role="option"
            aria-selected={i === active}
            onMouseDown={(event) => {
              event.preventDefault(); // the field keeps the focus
              accept(i);
            }}
          >
            <code>{text}</code> <span class="muted">{detail}</span>
          </li>
        ))}
      </ul>
      {problem && !open && <Mistake id={`${id}-problem`} error={problem} />}
    </div>
  );
}

/** The message, below the place in the text that it is about. */
function Mistake({ id, error }: { id: string; error: ApiError }) {
  const column = error.place?.column ?? 1;
  const message = error.message.replace(/^filter: line \d+, column \d+: /, '');
  return (
    <span id={id} class="problem" role="alert">
      <span class="caret" aria-hidden="true" style={{ '--at': column - 1 }} />
      {error.place && <span class="hidden">{`At character ${column}: `}</span>}
      {message}
    </span>
  );
}

/** The words to complete with; loaded when the field is first used. */
function useKnown(used: boolean, service: string, services: readonly string[]): Known {
  const vocabulary = useResource(used ? 'vocabulary' : '', api.vocabulary);
  const attributes = useResource(used ? `attributes of ${service}` : '', (signal) => api.attributes(service, '', signal));
  const operations = useResource(used ? service : '', (signal) => api.operations(service, signal));
  return {
    vocabulary: vocabulary.value ?? noWords,
    services,
    attributes: attributes.value?.attributes ?? none,
    operations: operations.value ? names(operations.value) : none,
  };
}

const none: readonly never[] = [];
const noWords: Vocabulary = { levels: [], fields: [], kinds: [], statuses: [] };
const listed = new WeakMap<readonly object[], string[]>();

/** The distinct names of a list, the same array for the same list. */
function names(operations: readonly { name: string }[]): string[] {
  let found = listed.get(operations);
  if (!found) listed.set(operations, (found = [...new Set(operations.map(({ name }) => name))]));
  return found;
}
