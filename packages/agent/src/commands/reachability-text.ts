import type { PathReport, Reachability } from '@overlay/core/reachability';
import { inWords } from './time-text.js';

/** What the probe of the peers has shown, as a label and a text for each line; of those that do not answer at most `listed`. */
export function reachabilityLines(
  { problem, counts, peers }: Reachability,
  now: number,
  listed: number,
): (readonly [label: string, text: string])[] {
  const { reachable, unreachable, unknown } = counts;
  const lost = peers.filter(({ state }) => state === 'unreachable').slice(0, listed);
  const more = unreachable - lost.length;
  return [
    ['probes', `${reachable} answered, ${unreachable} not answered any more, ${unknown} never answered`],
    ...(problem === undefined ? [] : [['', problem] as const]),
    ...lost.map((path) => ['', lostText(path, now)] as const),
    ...(more > 0 ? [['', `and ${more} more, see overlay status --json`] as const] : []),
  ];
}

function lostText({ peer, target, unreachableSince = 0, problem }: PathReport, now: number): string {
  const why = problem === undefined ? '' : ` (${problem})`;
  return `${peer}: ${target} has not answered for ${inWords(now - unreachableSince)}${why}`;
}
