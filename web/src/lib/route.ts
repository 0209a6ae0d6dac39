/** Where the page is: the part of the address after '#'. */
export interface Route {
  path: readonly string[];
  query: URLSearchParams;
}

/** Reads "#/trace/4bf9…?span=00f0…" into path and query. */
export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#?\/?/, '');
  const cut = text.indexOf('?');
  const path = (cut < 0 ? text : text.slice(0, cut)).split('/').filter((part) => part !== '');
  return { path: path.map(decode), query: new URLSearchParams(cut < 0 ? '' : text.slice(cut + 1)) };
}

/** Writes a route as a hash, empty query values left out. */
export function formatRoute(path: readonly string[], query?: URLSearchParams | Record<string, string>): string {
  const params = new URLSearchParams(query);
  for (const [key, value] of [...params]) if (value === '') params.delete(key);
  const search = params.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The one spelling of a trace id: 32 lowercase digits. Other texts stay as they are, for the server to refuse. */
export function fullTraceId(text: string): string {
  return /^[0-9a-f]{1,32}$/i.test(text) ? text.toLowerCase().padStart(32, '0') : text;
}
