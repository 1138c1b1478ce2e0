import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Address, Family, Lease, LeaseChange, NetConf, Prefix } from '../dist/index.js';
import { addressToBigInt, networkAddress, prefixLength } from '../dist/index.js';
import { LeaseTable } from '../dist/lease-table/index.js';
import { NaiveTable } from './lease-table-naive.js';
import { IPV4_ONLY, NET_CONF } from './lease-table-fixtures.js';

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];
const HOLD = 1000;

/** Few values, so that they meet often: nested subnets, subnets around public IPs, shared claims. */
const subnet4 = fc.constantFrom(
  ...['10.244.0.0/18', '10.244.1.0/24', '10.244.1.0/25', '10.244.1.128/25', '10.244.2.0/23', '10.244.3.0/24'],
  ...['10.244.4.0/24', '10.244.5.0/24', '10.244.6.0/24', '10.244.7.0/24', '10.244.8.0/24', '10.244.9.0/24'],
  ...['10.245.0.0/24', '10.244.1.1/24', 'junk'],
) as fc.Arbitrary<Prefix>;
const publicIP4 = fc.constantFrom(
  ...['192.168.0.1', '192.168.0.2', '192.168.0.3', '192.168.0.4', '10.244.5.5', '10.244.1.200', '0.0.0.0', 'junk'],
) as fc.Arbitrary<Address>;
const subnet6 = fc.constantFrom(
  ...[
    'fd00:42:0:1::/64',
    'fd00:42:0:2::/64',
    'fd00:42:0:3::/64',
    'fd00:42:0:2::/63',
    'fd00:42:0:2:8000::/65',
    'fd01::/64',
  ],
) as fc.Arbitrary<Prefix>;
const publicIP6 = fc.constantFrom('2001:db8::1', '2001:db8::2', 'fd00:42:0:3::9', '::1') as fc.Arbitrary<Address>;
const key = fc.constantFrom(...Array.from({ length: 12 }, (_, n) => `k${n}`));
const data = fc.constantFrom(...[undefined, 'a', 'b', 'c', 'd', 'e', 'f', 'g']);

const endpoint = (publicIP: fc.Arbitrary<Address>): fc.Arbitrary<NonNullable<Lease['attributes']['ipv4']>> =>
  fc.record({ publicIP, data }, { requiredKeys: ['publicIP'] });

const lease: fc.Arbitrary<Lease> = fc
  .record({
    key,
    families: fc.constantFrom('4', '4', '4', '6', '46', ''),
    subnet4,
    subnet6,
    endpoint4: endpoint(publicIP4),
    endpoint6: endpoint(publicIP6),
    expiresAt: fc.nat(3),
  })
  .map(({ key, families, subnet4, subnet6, endpoint4, endpoint6, expiresAt }) => ({
    key,
    subnets: { ...(families.includes('4') && { ipv4: subnet4 }), ...(families.includes('6') && { ipv6: subnet6 }) },
    attributes: {
      backendType: 'vxlan',
      ...(families.includes('4') && { ipv4: endpoint4 }),
      ...(families.includes('6') && { ipv6: endpoint6 }),
    },
    expiresAt,
  }));

type Step =
  | { do: 'snapshot'; leases: Lease[] }
  | { do: 'resnapshot'; drop: number; more: Lease[] }
  | { do: 'changes'; changes: LeaseChange[] }
  | { do: 'own'; lease: Lease | undefined }
  | { do: 'underlay'; addresses: Address[] }
  | { do: 'conf'; conf: NetConf }
  | { do: 'claims'; on: boolean }
  | { do: 'settle' };

const change: fc.Arbitrary<LeaseChange> = fc.oneof(
  { weight: 3, arbitrary: lease.map((lease): LeaseChange => ({ type: 'set', lease })) },
  { weight: 1, arbitrary: key.map((key): LeaseChange => ({ type: 'delete', key })) },
);
const own: fc.Arbitrary<Lease | undefined> = fc.option(
  lease.filter(({ subnets, attributes }) => {
    const good = (family: Family): boolean =>
      !/junk|10\.244\.1\.1/.test(`${subnets[family]}${attributes[family]?.publicIP}`);
    return FAMILIES.every(good) && (subnets.ipv4 ?? subnets.ipv6) !== undefined;
  }),
  { nil: undefined },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('snapshot' as const), leases: fc.array(lease, { maxLength: 14 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('resnapshot' as const),
      drop: fc.nat(4095),
      more: fc.array(lease, { maxLength: 3 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('changes' as const), changes: fc.array(change, { maxLength: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('own' as const), lease: own }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('underlay' as const),
      addresses: fc.subarray(['10.244.7.7', '192.168.0.4', '2001:db8::2'] as Address[]),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('conf' as const), conf: fc.constantFrom(NET_CONF, IPV4_ONLY) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('claims' as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'settle' as const }) },
);
const steps = fc.array(fc.tuple(step, fc.constantFrom(0, 1, 50, 300, 1000)), { minLength: 1, maxLength: 40 });

/** Backends' claims: of one lease the same in both families. One of them cannot be read. */
const claimsOf = ({ attributes }: Lease): string[] =>
  [attributes.ipv4?.data, attributes.ipv6?.data].flatMap((data) => {
    if (data === 'g') throw new Error('no g');
    return typeof data === 'string' ? [data] : [];
  });
const noClaims = (): string[] => [];

describe('the table against a naive one', () => {
  test.each([0.2, 0.5, 0])('any sequence, with a doubt beyond %d', (doubtFraction) => {
    const seen = { held: 0, doubted: 0, deltas: 0, partial: 0 };
    fc.assert(
      fc.property(steps, (script) => {
        const table = new LeaseTable({ holdMs: HOLD, doubtFraction });
        const naive = new NaiveTable(HOLD, doubtFraction);
        const network = new Map<string, Lease>();
        let now = 0;
        let store: Lease[] = [];
        for (const [step, later] of [[{ do: 'conf', conf: NET_CONF }, 0] as [Step, number], ...script]) {
          now += later;
          let delta;
          if (step.do === 'snapshot' || step.do === 'resnapshot') {
            if (step.do === 'snapshot') store = step.leases;
            else
              store = [
                ...store.filter((_, at) => ((step.drop >> at) & 1) === 0 || (step.drop & 1) === 0),
                ...step.more,
              ];
            delta = table.snapshot(
              store.map((one) => structuredClone(one)),
              now,
            );
            naive.snapshot(store, now);
          } else if (step.do === 'changes') {
            delta = table.changes(structuredClone(step.changes), now);
            naive.changes(step.changes, now);
          } else if (step.do === 'own') {
            delta = table.setOwn(step.lease, now);
            naive.own = step.lease;
            naive.judgeAll(now);
          } else if (step.do === 'underlay') {
            delta = table.setUnderlay(step.addresses, now);
            naive.underlay = step.addresses;
            naive.judgeAll(now);
          } else if (step.do === 'conf') {
            delta = table.setNetConf(step.conf, now);
            naive.conf = step.conf;
            naive.judgeAll(now);
          } else if (step.do === 'claims') {
            delta = table.setClaims(step.on ? claimsOf : noClaims, now);
            naive.claimsOf = step.on ? claimsOf : noClaims;
            naive.judgeAll(now);
          } else {
            delta = table.settle(now);
            naive.settle(now);
          }
          if (delta) {
            seen.deltas++;
            // Minimal: no key twice, nothing that the network has already, nothing deleted that it has not.
            const keys = [...delta.deleted, ...delta.set.map(({ key }) => key)];
            expect(new Set(keys).size).toBe(keys.length);
            expect(keys.length).toBeGreaterThan(0);
            for (const key of delta.deleted) expect(network.delete(key)).toBe(true);
            for (const one of delta.set) {
              expect(plain(one)).not.toEqual(plain(network.get(one.key)));
              network.set(one.key, one);
            }
          }
          expect(sorted(network.values())).toEqual(sorted(naive.accepted()));
          expect(sorted(table.accepted())).toEqual(sorted(network.values()));
          expect(table.size).toBe(network.size);
          const held = [...table.held()];
          expect(held.map(nameOf).sort()).toEqual(naive.held().sort());
          const doubted = new Set(naive.doubtedKeys());
          for (const one of held) {
            expect(JSON.stringify(one)).not.toMatch(doubted.has(one.key) ? /undefined/ : /undefined|has let it go/);
          }
          expect([...table.heldRemovals()].map(({ key }) => key)).toEqual(naive.doubtedKeys());
          expect(table.due()).toBe(naive.due());
          expectConflictFree([...network.values()]);
          seen.held += held.length;
          seen.doubted += naive.doubtedKeys().length;
          seen.partial += held.filter(({ key }) => network.has(key)).length;
        }
      }),
      { numRuns: 200 },
    );
    // The sequences must reach what they are for.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(50);
  });
});

function nameOf({ key, reasons, problem }: { key: string; reasons: object; problem?: string }): string {
  return `${key} ${problem === undefined ? Object.keys(reasons).sort().join('+') : 'whole'}`;
}

const plain = (lease: Lease | undefined): unknown =>
  lease && JSON.parse(JSON.stringify({ ...lease, expiresAt: undefined }));

function sorted(leases: Iterable<Lease>): unknown[] {
  return [...leases].sort((a, b) => (a.key < b.key ? -1 : 1)).map(plain);
}

/** Whatever the model says: no two have an address in common, none is reached through another's subnet. */
function expectConflictFree(leases: readonly Lease[]): void {
  for (const family of FAMILIES) {
    const parts = leases.flatMap(({ subnets, attributes }) => {
      const subnet = subnets[family];
      const endpoint = attributes[family];
      return subnet && endpoint ? [{ ...range(subnet), ip: addressToBigInt(endpoint.publicIP) }] : [];
    });
    for (const a of parts) {
      for (const b of parts) {
        expect(a.low <= b.ip && b.ip <= a.high).toBe(false);
        if (a !== b) expect(a.low <= b.high && b.low <= a.high).toBe(false);
      }
    }
  }
}

function range(prefix: Prefix): { low: bigint; high: bigint } {
  const low = addressToBigInt(networkAddress(prefix));
  const room = BigInt((prefix.includes(':') ? 128 : 32) - prefixLength(prefix));
  return { low, high: low + (1n << room) - 1n };
}
