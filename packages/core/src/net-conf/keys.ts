/*
 * Keys as Go's encoding/json finds them: an object's member belongs to the field whose name is equal under Unicode
 * simple case folding, and flanneld reads its configuration with that.
 */

/** A key in the form in which two keys are equal if Go takes them for the same field. */
export function foldKey(key: string): string {
  // For ASCII names, case folding adds two letters to what lower-casing does: the Kelvin sign, which toLowerCase turns
  // into k by itself, and the long s.
  return key.toLowerCase().replaceAll('ſ', 's');
}

/** The known key that was probably meant by an unknown one, or undefined if none is near. */
export function nearestKey(key: string, known: Iterable<string>): string | undefined {
  const wanted = foldKey(key).replace(/[^a-z0-9]/g, '');
  let best: string | undefined;
  // One slip in three characters, three at most: more and the suggestion is a guess.
  let least = Math.min(3, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, foldKey(candidate));
    if (distance < least) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

/** A key as a message names it: as it is if it looks like one, else as JSON. */
export function shownKey(key: string): string {
  return /^[\w$-]{1,80}$/.test(key) ? key : JSON.stringify(key).slice(0, 80);
}

/** The number of insertions, deletions, replacements and swaps of neighbours between two words. */
function editDistance(a: string, b: string): number {
  // A difference in length is a lower bound, and foreign keys can be of any length.
  if (Math.abs(a.length - b.length) > 3) return Number.POSITIVE_INFINITY;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      let cost = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, beforeLast[j - 2] + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length];
}
