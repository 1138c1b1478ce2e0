import { describe, expect, test } from '@jest/globals';
import type { Address, Lease, LeaseChange, Prefix } from '../dist/index.js';
import { LeaseTable } from '../dist/lease-table/index.js';
import { NET_CONF } from './lease-table-fixtures.js';

const N = 50_000;
const WIDE = { ...NET_CONF, ipv4: { ...(NET_CONF.ipv4 as object), network: '10.0.0.0/8' } } as typeof NET_CONF;

function host(n: number, subnet = `10.${n >> 8}.${n & 255}.0/24`, third = n >> 8): Lease {
  return {
    key: `h${n}`,
    subnets: { ipv4: subnet as Prefix },
    attributes: {
      backendType: 'vxlan',
      ipv4: { publicIP: `172.16.${third}.${n & 255}` as Address, data: { VtepMAC: `02:${n}` } },
    },
  };
}

function table(leases: Iterable<Lease>): LeaseTable {
  const made = new LeaseTable();
  made.setNetConf(WIDE, 0);
  made.setClaims(({ attributes }) => [`mac:${(attributes.ipv4?.data as { VtepMAC: string }).VtepMAC}`], 0);
  made.snapshot(leases, 0);
  return made;
}

/** The least time of some rounds, in microseconds for each change: noise only adds. */
function perChange(made: LeaseTable, changes: readonly LeaseChange[], rounds = 7): number {
  let least = Infinity;
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    for (const change of changes) made.changes([change], 0);
    least = Math.min(least, performance.now() - began);
  }
  return (least * 1000) / changes.length;
}

/** Moves of the endpoints of the first 100 hosts, away and back. */
const moves: LeaseChange[] = Array.from({ length: 200 }, (_, at): LeaseChange => ({
  type: 'set',
  lease: at < 100 ? host(at, undefined, 250) : host(at - 100),
}));

describe('50,000 leases', () => {
  test('are taken from one snapshot, and compared with the next', () => {
    const leases = Array.from({ length: N }, (_, n) => host(n));
    const made = table(leases);
    expect(made.size).toBe(N);
    expect(made.snapshot(structuredClone(leases), 1)).toBeUndefined();
    const moved = structuredClone(leases);
    moved[77] = host(77, undefined, 250);
    expect(made.snapshot(moved, 2)?.set).toEqual([moved[77]]);
    expect(made.snapshot([], 3)).toBeUndefined();
    expect(made.doubt?.keys).toHaveLength(N);
  });

  test('a change costs about what it costs among 500', () => {
    const few = table(Array.from({ length: 500 }, (_, n) => host(n)));
    const many = table(Array.from({ length: N }, (_, n) => host(n)));
    perChange(few, moves);
    const [small, large] = [perChange(few, moves), perChange(many, moves)];
    // Work for each lease would make this 100 times as much.
    expect(large / small).toBeLessThan(12);
  });

  test('nor does it cost more when prefixes of every length wait for one another', () => {
    const nested = Array.from({ length: N }, (_, n) => {
      const length = 9 + (n % 22);
      return { ...host(n, `10.200.0.0/${length}`), key: `n${n}` };
    }).map((lease) => ({ ...lease, subnets: { ipv4: maskedOf(lease.subnets.ipv4 as string) } }));
    const few = table(Array.from({ length: 500 }, (_, n) => host(n)));
    const many = table([...Array.from({ length: 500 }, (_, n) => host(n)), ...nested]);
    expect([...many.held()].length).toBeGreaterThan(N - 50);
    perChange(few, moves);
    const [small, large] = [perChange(few, moves), perChange(many, moves)];
    expect(large / small).toBeLessThan(12);
  });
});

/** 10.200.0.0 with the bits beyond the length cleared. */
function maskedOf(text: string): Prefix {
  const length = Number(text.split('/')[1]);
  const second = 200 & (0xff << Math.max(0, 16 - length));
  return `10.${second & 255}.0.0/${length}` as Prefix;
}
