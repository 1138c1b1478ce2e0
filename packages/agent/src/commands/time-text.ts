const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A span in its two largest units: `3 h 12 min`. A negative one is none. */
export function inWords(milliseconds: number): string {
  const span = Math.max(0, milliseconds);
  if (span < MINUTE) return `${Math.floor(span / SECOND)} s`;
  if (span < HOUR) return two(span, MINUTE, 'min', SECOND, 's');
  if (span < DAY) return two(span, HOUR, 'h', MINUTE, 'min');
  return two(span, DAY, 'd', HOUR, 'h');
}

/** A moment and how far off it is: `2026-01-02T03:04:05Z (in 59 min 3 s)`. */
export function moment(at: number, now: number): string {
  const text = new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
  return `${text} (${at >= now ? `in ${inWords(at - now)}` : ago(at, now)})`;
}

/** How long ago a moment was. */
export function ago(at: number, now: number): string {
  return `${inWords(now - at)} ago`;
}

function two(span: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((span % large) / small);
  return `${Math.floor(span / large)} ${largeName}${rest === 0 ? '' : ` ${rest} ${smallName}`}`;
}
