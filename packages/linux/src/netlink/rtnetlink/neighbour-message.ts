/** What neighbours and FDB entries share: struct ndmsg and NDA_* of linux/neighbour.h. */

/** Bytes of struct ndmsg: family, 3 of padding, device, state, flags, type. */
export const NEIGHBOUR_FIXED = 12;

/** NDA_* of linux/neighbour.h. */
export const NeighbourAttribute = {
  destination: 1,
  linkLayerAddress: 2,
  vlan: 5,
  port: 6,
  vni: 7,
  index: 8,
  master: 9,
  protocol: 12,
} as const;

/** NTF_*: `use` asks for resolution. */
export const NeighbourFlag = {
  use: 0x01,
  self: 0x02,
  master: 0x04,
  proxy: 0x08,
  externLearned: 0x10,
  router: 0x80,
} as const;

/** NUD_*: what is known of a neighbour's reachability. */
export type NeighbourState =
  'none' | 'incomplete' | 'reachable' | 'stale' | 'delay' | 'probe' | 'failed' | 'noarp' | 'permanent';

const NUMBERS: Readonly<Record<NeighbourState, number>> = {
  none: 0,
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
};

const NAMES = new Map(Object.entries(NUMBERS).map(([name, number]) => [number, name as NeighbourState]));

export function stateNumber(state: NeighbourState): number {
  return NUMBERS[state];
}

/** The state's name. `noarp` often comes with another bit, which then says more. */
export function stateName(state: number): NeighbourState {
  return NAMES.get(state) ?? NAMES.get(state & ~NUMBERS.noarp) ?? 'none';
}
