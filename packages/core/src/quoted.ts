/** The most characters of a foreign value that an error message repeats. */
const LONGEST = 80;

/** Control and direction characters that JSON leaves as they are, but that would disturb a terminal or a log line. */
const DISTURBING = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * A foreign value as it is shown in a message: as JSON, on one line, without anything that a terminal would act on, cut
 * at 80 characters. `undefined` reads `nothing`.
 */
export function quoted(value: unknown): string {
  if (value === undefined) return 'nothing';
  // What JSON has no form for, a function or a symbol, yields undefined in spite of the declared type.
  const json = (JSON.stringify(value) as string | undefined) ?? `a ${typeof value}`;
  const text = json.replace(DISTURBING, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (text.length <= LONGEST) return text;
  // Half of a surrogate pair at the cut would come out as a replacement character.
  return `${text.slice(0, LONGEST - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}
