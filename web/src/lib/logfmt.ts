/** One `key=value` word. */
export interface Tag {
  key: string;
  value: string;
}

/** What parseTags found: the words, or the place where the text stops being logfmt. */
export type Parsed = { tags: Tag[] } | { error: string };

/**
 * Reads logfmt words: `http.status_code=500 error=true msg="two words"`. Values
 * are bare words or double-quoted with backslash escapes, as the server reads them.
 */
export function parseTags(text: string): Parsed {
  const tags: Tag[] = [];
  let at = skipSpace(text, 0);
  while (at < text.length) {
    const equals = text.indexOf('=', at);
    const key = text.slice(at, equals < 0 ? text.length : equals);
    if (equals < 0 || key === '' || /[\s"]/.test(key)) {
      return { error: `write key=value, not ${key.split(/\s/)[0] || text.slice(at)}` };
    }
    const value = readValue(text, equals + 1);
    if (!value) return { error: `the quote after ${key}= is not closed` };
    tags.push({ key, value: value.text });
    at = skipSpace(text, value.end);
  }
  return { tags };
}

/** Writes tags so that parseTags reads them back. */
export function formatTags(tags: readonly Tag[]): string {
  return tags.map(({ key, value }) => `${key}=${quote(value)}`).join(' ');
}

function quote(value: string): string {
  if (value !== '' && !/[\s"=\\]/.test(value)) return value;
  return `"${value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n').replace(/\t/g, '\\t')}"`;
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t' };

function readValue(text: string, start: number): { text: string; end: number } | null {
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
