// The kernel looks at a program anew for each configuration, since what it does not need is left out of it.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseAddress, parseMac, parsePrefix } from '@overlay/core';
import { BpfObject } from '../../dist/kernel/bpf-object.js';
import type { ProgramConfig } from '../../dist/kernel/layout.js';
import { BpfMaps } from '../../dist/kernel/maps.js';
import { loadNativeBpf } from '../../dist/kernel/native.js';
import { TRIALS } from '../../dist/kernel/preflight.js';

const native = loadNativeBpf();
const object = new BpfObject(native);
let maps: BpfMaps;
beforeAll(() => {
  maps = BpfMaps.open(object, []);
});
afterAll(() => maps.close());

const IPV4 = { address: parseAddress('192.0.2.1'), subnet: parsePrefix('10.244.1.0/24') };
const IPV6 = { address: parseAddress('2001:db8::1'), subnet: parsePrefix('fd00:244:0:1::/64') };
/** What may be set, or not: both families of pods over either or both of the underlay. */
const FAMILIES = [
  { name: 'IPv4', addresses: { ipv4: IPV4.address }, subnets: { ipv4: IPV4.subnet } },
  { name: 'IPv6', addresses: { ipv6: IPV6.address }, subnets: { ipv6: IPV6.subnet } },
  {
    name: 'both',
    addresses: { ipv4: IPV4.address, ipv6: IPV6.address },
    subnets: { ipv4: IPV4.subnet, ipv6: IPV6.subnet },
  },
  { name: 'both over IPv4', addresses: { ipv4: IPV4.address }, subnets: { ipv4: IPV4.subnet, ipv6: IPV6.subnet } },
  { name: 'both over IPv6', addresses: { ipv6: IPV6.address }, subnets: { ipv4: IPV4.subnet, ipv6: IPV6.subnet } },
  { name: 'no address', addresses: {}, subnets: {} },
];
const FILTERS = ['enforce', 'count', 'off'] as const;
const DIRECTIONS = ['ingress', 'egress'] as const;
const CASES = FAMILIES.flatMap(({ name, ...config }) =>
  FILTERS.flatMap((filter) => DIRECTIONS.map((direction) => ({ name, filter, direction, config }))),
);

/** How many instructions the kernel went through. */
function verified(direction: (typeof DIRECTIONS)[number], config: ProgramConfig): number {
  const fd = object.load(direction, config, maps.fds);
  try {
    return native.programInfo(fd).verified;
  } finally {
    native.close(fd);
  }
}

test.each(CASES)('the program for $direction is taken: $name, filter $filter', ({ config, filter, direction }) => {
  const whole: ProgramConfig = {
    ...{ tunnel: 3, entry: 4, underlay: 2, port: 8285, filter, ...config },
    ...{ tunnelMac: parseMac('02:00:00:00:00:01'), entryMac: parseMac('02:00:00:00:00:02') },
  };
  const went = verified(direction, whole);
  // Preflight has it go through as much, so that what it accepts is accepted at work.
  const trial = TRIALS.find((each) => each.filter === filter);
  expect(trial && verified(direction, trial)).toBeGreaterThanOrEqual(went);
});
