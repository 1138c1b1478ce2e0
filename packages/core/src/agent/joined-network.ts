import type { Network, NetworkProblem, NetworkState, NetworkStatus } from '../backend.js';
import type { Carrier } from './carrier.js';

const MOST_PROBLEMS = 100;
const GRAVITY = ['ready', 'starting', 'failed'] as const;

/**
 * The state of the networks of a host as one: the worst of those that peers may use, and the least MTU of all that are
 * open, since a packet may go through any of them.
 *
 * @param carriers the newest first
 * @param inUse the newest that peers may use; those after it are older, and peers may use them too
 */
export function joinedState(carriers: readonly Carrier[], inUse: Carrier | undefined): NetworkState | undefined {
  const used = carriers.slice(inUse === undefined ? 0 : carriers.indexOf(inUse));
  let worst: NetworkState | undefined;
  for (const { state } of used) {
    // One without a state is still to be opened.
    if (state === undefined) return undefined;
    if (worst === undefined || GRAVITY.indexOf(state.phase) > GRAVITY.indexOf(worst.phase)) worst = state;
  }
  if (worst === undefined) return undefined;
  const mtu = Math.min(...carriers.flatMap(({ state }) => state?.mtu ?? []));
  return mtu === worst.mtu ? worst : { ...worst, mtu };
}

/** What several networks tell of themselves, added up. */
export function joinedStatus(networks: readonly Network[]): NetworkStatus | undefined {
  const [first, ...rest] = networks.map((network) => network.status());
  if (first === undefined || rest.length === 0) return first;
  const all = [first, ...rest];
  const sum = (count: (status: NetworkStatus) => number): number => all.reduce((total, one) => total + count(one), 0);
  const problems: NetworkProblem[] = all.flatMap((status) => status.problems);
  return {
    peers: sum(({ peers }) => peers),
    objects: sum(({ objects }) => objects),
    pending: sum(({ pending }) => pending),
    failed: sum(({ failed }) => failed),
    problems: problems.slice(0, MOST_PROBLEMS),
  };
}
