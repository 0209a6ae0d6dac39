/** A piece of a filter: text[start, end). Texts in quotes come without them. */
export interface Token {
  kind: 'word' | 'text' | 'sign';
  text: string;
  start: number;
  end: number;
}

const space = /\s+/y;
/** A reference in brackets is one token: attr["a key"]. */
const bracketed = /[a-z]+\s*\[\s*("(?:[^"\\]|\\.)*"?|`[^`]*`?)?\s*\]?/y;
const word = /[\p{L}\p{Nd}_+.-][\p{L}\p{M}\p{Nd}_.\-/@$:+]*/uy;
const quoted = /"(?:[^"\\]|\\.)*"?|`[^`]*`?/y;
const signs = /!=|==|>=|<=|[^\s]/uy;

/** Cuts a filter into tokens, a half-written one too: whatever the text, it is covered. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? '';
  };
  while (at < text.length) {
    const start = at;
    let raw = take(space);
    if (raw !== '') {
      at += raw.length;
      continue;
    }
    let kind: Token['kind'] = 'word';
    raw = take(bracketed) || take(word);
    if (raw === '') [raw, kind] = [take(quoted), 'text'];
    if (raw === '') [raw, kind] = [take(signs), 'sign'];
    // A type stands before its constant: int:500 is one constant, int:(1, 2) a list.
    if (kind === 'word' && raw.endsWith(':')) raw = raw.slice(0, -1);
    at += raw.length;
    found.push({ kind, text: kind === 'text' ? unquote(raw) : raw, start, end: at });
  }
  return found;
}

function unquote(raw: string): string {
  const inner = raw.slice(1, raw.length > 1 && raw.endsWith(raw[0]!) ? -1 : undefined);
  return raw[0] === '`' ? inner : inner.replace(/\\(.)/g, '$1');
}
