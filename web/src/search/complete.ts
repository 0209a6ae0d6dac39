import type { AttributeInfo, Vocabulary } from '../lib/api.ts';
import { tokens, type Token } from './tokens.ts';

/** What completion knows of the data. */
export interface Known {
  vocabulary: Vocabulary;
  services: readonly string[];
  operations: readonly string[];
  attributes: readonly AttributeInfo[];
}

export interface Suggestion {
  /** What is inserted. */
  text: string;
  /** What it is, in a few words. */
  detail: string;
}

/** What may stand in place of text[from, to). */
export interface Completion {
  from: number;
  to: number;
  suggestions: Suggestion[];
}

const most = 40;
const keywords: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in', 'exists', 'some', 'phrase', 'fulltext']);
const comparisons: ReadonlySet<string> = new Set(['=', '==', '!=', '>', '>=', '<', '<=', '~']);
/** Names that are fields without their level. */
const bareFields: ReadonlyMap<string, string> = new Map([
  ['service', 'resource.service'],
  ['name', 'span.name'],
  ['kind', 'span.kind'],
  ['status', 'span.status'],
  ['duration', 'span.duration'],
]);

/**
 * Completes a filter at the cursor. It reads tokens from the left and keeps in
 * mind only what may come next, so that half-written filters complete too; the
 * server alone judges whether a filter is right.
 */
export function complete(text: string, cursor: number, known: Known): Completion {
  const all = tokens(text);
  const edited = all.find((token) => token.start < cursor && cursor <= token.end && token.kind !== 'sign');
  const before = all.filter((token) => token.end <= (edited ? edited.start : cursor));
  const { next, reference, closing } = expectation(before);
  const from = edited?.start ?? cursor;
  const typed = edited ? text.slice(from, cursor) : '';
  const candidates: Suggestion[] = {
    predicate: () => [...references(known), ...predicateWords],
    reference: () => references(known),
    nested: () => [{ text: 'event', detail: 'one event of the span' }, { text: 'link', detail: 'one link of the span' }],
    open: () => [{ text: '(', detail: 'opens the list' }],
    operator: () => operators(kindOf(reference, known.vocabulary)),
    in: () => [{ text: 'in', detail: 'is not in a list' }],
    value: () => values(reference, known),
    joint: () => [...joints, ...(closing ? [{ text: ')', detail: 'closes the list or group' }] : [])],
  }[next]();
  return { from, to: edited?.end ?? cursor, suggestions: matching(candidates, typed) };
}

/**
 * The service that the filter asks for, or "": it narrows down operations and
 * attributes. One of those there are, so that half a name asks for nothing.
 */
export function serviceIn(text: string, services: readonly string[]): string {
  const all = tokens(text);
  const at = all.findIndex((token, i) => /^(resource\.)?service$/.test(token.text) && /^==?$/.test(all[i + 1]?.text ?? ''));
  const name = all[at + 2]?.text;
  return at >= 0 && name !== undefined && services.includes(name) ? name : '';
}

const predicateWords: readonly Suggestion[] = [
  { text: 'not', detail: 'the condition does not hold' },
  { text: 'exists', detail: 'the span has the attribute' },
  { text: 'some', detail: 'holds for one event or link' },
];

const joints: readonly Suggestion[] = [
  { text: 'and', detail: 'both hold' },
  { text: 'or', detail: 'one of them holds' },
];

type Next = 'predicate' | 'reference' | 'nested' | 'open' | 'operator' | 'in' | 'value' | 'joint';

/** What may follow the tokens, after which reference, and whether something is open. */
function expectation(before: readonly Token[]): { next: Next; reference: string; closing: boolean } {
  let next: Next = 'predicate';
  let reference = '';
  let open = 0;
  for (const token of before) {
    const word = token.kind === 'word' ? token.text.toLowerCase() : '';
    if (token.kind === 'sign' && token.text === '(') {
      open++;
      next = next === 'open' && reference !== '' ? 'value' : 'predicate';
    } else if (token.kind === 'sign' && token.text === ')') {
      open--;
      next = 'joint';
    } else if (token.kind === 'sign' && token.text === ',') next = 'value';
    else if (token.kind === 'sign' && comparisons.has(token.text)) next = 'value';
    else if (word === 'and' || word === 'or') next = 'predicate';
    else if (word === 'not') next = next === 'operator' ? 'in' : 'predicate';
    else if (word === 'exists') next = 'reference';
    else if (word === 'some') [next, reference] = ['nested', ''];
    else if (word === 'in' || word === 'phrase' || word === 'fulltext') next = 'open';
    else if (next === 'nested') next = 'open';
    else if (next === 'predicate') [next, reference] = ['operator', token.text];
    else if (next === 'reference') [next, reference] = ['joint', token.text];
    else if (next === 'value') next = 'joint';
  }
  return { next, reference, closing: open > 0 };
}

/** Everything a condition can be about: short fields first, then attributes by how common they are, then the other fields. */
function references({ vocabulary, attributes }: Known): Suggestion[] {
  const short = [...bareFields].map(([name, full]) => ({ text: name, detail: `field ${full}` }));
  const keys = attributes.map((info) => ({ text: writeReference(info, vocabulary), detail: `${info.level} attribute, ${info.types.join(' or ')}` }));
  const fields = vocabulary.fields.map(({ level, name, kind }) => ({ text: `${level}.${name}`, detail: kind }));
  return [...short, ...keys, ...fields];
}

/** How a filter names an attribute: bare where that is no field, keyword or level. */
export function writeReference({ key, level }: Pick<AttributeInfo, 'key' | 'level'>, vocabulary: Vocabulary): string {
  const plain = isWord(key) && !keywords.has(key.toLowerCase());
  const own = level === 'span' || level === 'resource';
  if (plain && own && !bareFields.has(key) && !startsWithLevel(key, vocabulary.levels)) return key;
  const field = vocabulary.fields.some((known) => known.level === level && known.name === key);
  return isWord(key) && !field ? `${level}.${key}` : `${level}[${JSON.stringify(key)}]`;
}

function operators(kind: string): Suggestion[] {
  const equal = [
    { text: '=', detail: 'is equal' },
    { text: '!=', detail: 'is there, and not equal' },
  ];
  const ordered = [
    { text: '>', detail: 'is greater' },
    { text: '>=', detail: 'is greater or equal' },
    { text: '<', detail: 'is less' },
    { text: '<=', detail: 'is less or equal' },
  ];
  const listed = [
    { text: 'in', detail: 'is in a list' },
    { text: 'not in', detail: 'is there, and not in a list' },
  ];
  const pattern = [{ text: '~', detail: 'matches a pattern' }];
  const words = [
    { text: 'phrase', detail: 'contains the words in this order' },
    { text: 'fulltext', detail: 'contains the words' },
  ];
  if (kind === 'duration' || kind === 'timestamp') return [...ordered, ...equal];
  if (kind === 'span kind' || kind === 'span status') return [...equal, ...listed];
  if (kind === 'text') return [...equal, ...pattern, ...listed, ...ordered];
  return [...equal, ...ordered, ...pattern, ...listed, ...words];
}

function values(reference: string, known: Known): Suggestion[] {
  const { vocabulary } = known;
  const full = bareFields.get(reference) ?? reference;
  const words = (list: readonly string[], detail: string): Suggestion[] =>
    list.map((value) => ({ text: writeValue(value, vocabulary.levels), detail }));
  if (full === 'resource.service') return words(known.services, 'service');
  if (full === 'span.name') return words(known.operations, 'operation');
  switch (kindOf(reference, vocabulary)) {
    case 'span kind':
      return words(vocabulary.kinds, 'kind');
    case 'span status':
      return words(vocabulary.statuses, 'status');
    case 'duration':
      return words(['1ms', '10ms', '100ms', '1s', '10s'], 'duration');
    default: {
      const infos = known.attributes.filter((info) => writeReference(info, vocabulary) === reference || `${info.level}.${info.key}` === reference);
      return words([...new Set(infos.flatMap((info) => info.values))], 'seen lately');
    }
  }
}

/** Kind of the field that a reference is; "" for attributes. */
function kindOf(reference: string, vocabulary: Vocabulary): string {
  const full = bareFields.get(reference) ?? reference;
  return vocabulary.fields.find(({ level, name }) => `${level}.${name}` === full)?.kind ?? '';
}

/** A constant: bare where it reads as one, else in quotes. */
export function writeValue(value: string, levels: readonly string[]): string {
  const bare = isWord(value) && !keywords.has(value.toLowerCase()) && !startsWithLevel(value, levels);
  return bare || /^-?\d+(\.\d+)?(ms|s)?$/.test(value) ? value : JSON.stringify(value);
}

function isWord(text: string): boolean {
  return /^[\p{L}_][\p{L}\p{M}\p{Nd}_.\-/@$]*$/u.test(text);
}

function startsWithLevel(text: string, levels: readonly string[]): boolean {
  return [...levels, 'attr'].some((level) => text === level || text.startsWith(`${level}.`));
}

/** Candidates that begin with what was typed, then those that contain it. */
function matching(candidates: readonly Suggestion[], typed: string): Suggestion[] {
  const wanted = typed.replace(/^["`]/, '').toLowerCase();
  const place = ({ text }: Suggestion): number => text.toLowerCase().replace(/^"/, '').indexOf(wanted);
  const seen = new Set<string>();
  return candidates
    .filter((candidate) => place(candidate) >= 0 && !seen.has(candidate.text) && seen.add(candidate.text))
    .map((candidate, i) => ({ candidate, rank: (place(candidate) === 0 ? 0 : 1e6) + i }))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, most)
    .map(({ candidate }) => candidate);
}
