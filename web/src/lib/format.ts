const units: ReadonlyArray<readonly [suffix: string, nanos: number]> = [
  ['d', 86_400e9],
  ['h', 3_600e9],
  ['min', 60e9],
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
  ['ns', 1],
];

/** A duration in nanoseconds for people: three significant digits, a narrow space, one unit. */
export function formatDuration(nanos: number): string {
  if (nanos === 0) return '0 ns';
  const sign = nanos < 0 ? '−' : '';
  const abs = Math.abs(nanos);
  // A value that rounds up to the next unit is shown in that unit: 999.9 µs is 1 ms.
  const [suffix, size] = units.find(([, size]) => abs >= size * 0.9995) ?? (['ns', 1] as const);
  return `${sign}${trimDigits(abs / size)} ${suffix}`;
}

function trimDigits(value: number): string {
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  const text = value.toFixed(digits);
  return digits > 0 ? text.replace(/\.?0+$/, '') : text;
}

const durationWord = /^(\d+(?:\.\d+)?)(ns|us|µs|ms|min|m|s|h|d)/;

/** Nanoseconds of "1.5ms", "2s" or "1m30s"; null when the text is not a duration. */
export function parseDuration(text: string): number | null {
  let rest = text.replace(/\s+/g, '');
  if (rest === '') return null;
  let nanos = 0;
  while (rest !== '') {
    const match = durationWord.exec(rest);
    if (!match) return null;
    const suffix = match[2] === 'us' ? 'µs' : match[2] === 'm' ? 'min' : match[2];
    const unit = units.find(([name]) => name === suffix);
    if (!unit) return null;
    nanos += Number(match[1]) * unit[1];
    rest = rest.slice(match[0].length);
  }
  return nanos;
}

const countFormat = new Intl.NumberFormat('en-US');

/** A whole number with thousands separators. */
export function formatCount(n: number): string {
  return countFormat.format(n);
}

/** "1 span", "2 spans". */
export function plural(n: number, noun: string): string {
  return `${formatCount(n)} ${noun}${n === 1 ? '' : 's'}`;
}

const pad = (n: number, width = 2): string => String(n).padStart(width, '0');

/** Local date, "2026-11-20". */
export function formatDate(ms: number): string {
  const d = new Date(ms);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
}

/** Local time of day, "14:03:22.128". */
export function formatTime(ms: number): string {
  const d = new Date(ms);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}.${pad(d.getMilliseconds(), 3)}`;
}

/** Local time of day without milliseconds. */
export function formatClock(ms: number): string {
  return formatTime(ms).slice(0, 8);
}

/** Milliseconds of a decimal count of nanoseconds, which may exceed what a number holds exactly. */
export function millisOfNanos(nanos: string): number {
  return Number(BigInt(nanos) / 1000n) / 1000;
}

/** "just now", "3 min ago", "2 h ago": how far `then` lies before `now`, both in milliseconds. */
export function formatAgo(then: number, now: number): string {
  const seconds = Math.round((now - then) / 1000);
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** A share of one as percent: "3.2 %", "47 %". */
export function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}
