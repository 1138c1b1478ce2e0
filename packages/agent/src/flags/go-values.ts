// Values as Go's flag package reads them (strconv.ParseBool, ParseInt with base 0, time.ParseDuration), so that what a
// flanneld understands is understood here. An integer with a leading zero is refused: Go takes it for octal.

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** A boolean; undefined if the text is none. */
export function goBoolean(text: string): boolean | undefined {
  if (TRUE.has(text)) return true;
  return FALSE.has(text) ? false : undefined;
}

/** An integer; undefined if the text is none, or one that a double cannot hold. */
export function goInteger(text: string): number | undefined {
  if (!/^[+-]?(0|[1-9]\d*|0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+)$/.test(text)) return undefined;
  const value = Number(text.replace(/^[+-]/, ''));
  if (!Number.isSafeInteger(value)) return undefined;
  return text.startsWith('-') && value !== 0 ? -value : value;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration of at least 0 (`1m30s`, `500ms`, `0`) in milliseconds; undefined if the text is none. */
export function goDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    sum += Number(amount) * UNITS[unit];
  }
  return Number.isFinite(sum) ? Math.round(sum) : undefined;
}
