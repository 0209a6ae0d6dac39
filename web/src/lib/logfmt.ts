import type { Attribute } from './api.ts';

/** One `key=value` word. */
export interface Tag {
  key: string;
  value: string;
}

/** What parseTags found: the words, or the place where the text stops being logfmt. */
export type Parsed = { tags: Tag[] } | { error: string };

/**
 * Reads logfmt words: `http.status_code=500 error=true "a key"="two words"`. Keys
 * and values are bare or double-quoted with backslash escapes, as the server reads them.
 */
export function parseTags(text: string): Parsed {
  const tags: Tag[] = [];
  let at = skipSpace(text, 0);
  while (at < text.length) {
    const key = readKey(text, at);
    if (!key) return { error: `write key=value, not ${text.slice(at).split(/[\s=]/)[0] || text.slice(at)}` };
    const value = readValue(text, key.end);
    if (!value) return { error: `the quote after ${key.text}= is not closed` };
    tags.push({ key: key.text, value: value.text });
    at = skipSpace(text, value.end);
  }
  return { tags };
}

const searchableTypes: ReadonlySet<string> = new Set(['string', 'bool', 'int', 'double']);
const longestSearch = 2000;

/** Whether a search for the attribute, as text, finds it: not for bytes, lists, what is no number, or what addresses cannot hold. */
export function searchable({ key, type, value }: Attribute): boolean {
  const fits = key !== '' && key.length + value.length <= longestSearch;
  return fits && searchableTypes.has(type) && (type !== 'double' || Number.isFinite(Number(value)));
}

/** Writes tags so that parseTags reads them back. */
export function formatTags(tags: readonly Tag[]): string {
  return tags.map(({ key, value }) => `${quote(key)}=${quote(value)}`).join(' ');
}

function quote(value: string): string {
  if (value !== '' && !/[\s"=\\]/.test(value)) return value;
  return `"${value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n').replace(/\t/g, '\\t')}"`;
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t' };

interface Word {
  text: string;
  end: number;
}

/** A key and its equals sign; null where neither form of a key is. */
function readKey(text: string, start: number): Word | null {
  if (text[start] === '"') {
    const quoted = readValue(text, start);
    return quoted && quoted.text !== '' && text[quoted.end] === '=' ? { text: quoted.text, end: quoted.end + 1 } : null;
  }
  const equals = text.indexOf('=', start);
  const key = text.slice(start, Math.max(equals, start));
  return key === '' || /[\s"]/.test(key) ? null : { text: key, end: equals + 1 };
}

function readValue(text: string, start: number): Word | null {
  if (text[start] !== '"') {
    let end = start;
    while (end < text.length && !/\s/.test(text[end]!)) end++;
    return { text: text.slice(start, end), end };
  }
  let value = '';
  for (let i = start + 1; i < text.length; i++) {
    const char = text[i]!;
    if (char === '"') return { text: value, end: i + 1 };
    if (char !== '\\') {
      value += char;
      continue;
    }
    i++;
    const escaped = text[i] ?? '';
    value += escapes[escaped] ?? escaped;
  }
  return null;
}

function skipSpace(text: string, at: number): number {
  while (at < text.length && /\s/.test(text[at]!)) at++;
  return at;
}
