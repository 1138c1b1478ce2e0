import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { FamilyConf, Prefix } from '@overlay/core';
import {
  addressAt,
  addressBits,
  addressFamily,
  makePrefix,
  networkAddress,
  parseNetConf,
  parsePrefix,
  pickSubnet,
  prefixesOverlap,
  subnetAt,
  subnetCount,
  subnetFits,
  SubnetPool,
  subnetsBetween,
} from '@overlay/core';

function ipv4(text: Record<string, unknown>): FamilyConf {
  return parseNetConf(JSON.stringify({ Backend: { Type: 'alloc' }, ...text })).ipv4 as FamilyConf;
}

function ipv6(text: Record<string, unknown>): FamilyConf {
  const families = { EnableIPv4: false, EnableIPv6: true };
  return parseNetConf(JSON.stringify({ Backend: { Type: 'alloc' }, ...families, ...text })).ipv6 as FamilyConf;
}

const all = (conf: FamilyConf): Prefix[] => [...subnetsBetween(conf.subnetMin, conf.subnetMax, conf.subnetLen)];

/** Small ranges of both families, anywhere inside their network. */
const ranges: fc.Arbitrary<FamilyConf> = fc
  .record({
    v6: fc.boolean(),
    length: fc.integer({ min: 22, max: 26 }),
    a: fc.nat(),
    b: fc.nat(),
    bits: fc.integer({ min: 2, max: 6 }),
  })
  .map(({ v6, length, a, b, bits }) => {
    const network = v6 ? parsePrefix(`fd00:42::/${length + 20}`) : parsePrefix(`10.0.0.0/${Math.min(length, 24)}`);
    const networkLength = v6 ? length + 20 : Math.min(length, 24);
    const subnetLen = networkLength + bits;
    const count = 2 ** bits;
    const [low, high] = [a % count, b % count].sort((x, y) => x - y) as [number, number];
    const first = networkAddress(network);
    return {
      network,
      subnetLen,
      subnetMin: networkAddress(subnetAt(first, subnetLen, low)),
      subnetMax: networkAddress(subnetAt(first, subnetLen, high)),
    };
  });

describe('picking a subnet', () => {
  test('fills a range exactly: as many as there are, none twice, then none', () => {
    fc.assert(
      fc.property(ranges, fc.string(), (conf, seed) => {
        const taken: Prefix[] = [];
        const expected = all(conf);
        for (let host = 0; host < expected.length; host++) {
          const picked = pickSubnet(conf, taken, `${seed}-${host}`);
          expect(picked).toBeDefined();
          taken.push(picked as Prefix);
        }
        expect(new Set(taken)).toEqual(new Set(expected));
        expect(pickSubnet(conf, taken, seed)).toBeUndefined();
      }),
      { numRuns: 100 },
    );
  });

  test('never overlaps what is taken, of whatever length, and finds a free one whenever there is one', () => {
    fc.assert(
      fc.property(
        ranges,
        fc.array(fc.record({ at: fc.nat(), shorter: fc.integer({ min: -6, max: 6 }) }), { maxLength: 30 }),
        fc.string(),
        (conf, takers, seed) => {
          const candidates = all(conf);
          const taken = takers.map(({ at, shorter }) => {
            const of = candidates[at % candidates.length];
            const inside = addressAt(of, at % 2 ** 2);
            return makePrefix(inside, Math.min(conf.subnetLen - shorter, addressBits(addressFamily(inside))));
          });
          const free = candidates.filter((candidate) => !taken.some((prefix) => prefixesOverlap(prefix, candidate)));
          const picked = pickSubnet(conf, taken, seed);
          if (free.length === 0) expect(picked).toBeUndefined();
          else expect(free).toContain(picked);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('gives a host the same each time, and fits', () => {
    const conf = ipv4({ Network: '10.244.0.0/16' });
    const picked = pickSubnet(conf, [], 'node-17') as Prefix;
    expect(pickSubnet(conf, [], 'node-17')).toBe(picked);
    expect(subnetFits(conf, picked)).toBe(true);
    const next = pickSubnet(conf, [picked], 'node-17') as Prefix;
    expect(next).not.toBe(picked);
    expect(subnetFits(conf, next)).toBe(true);
  });

  test('always gives these hosts these subnets: they must not move with a release', () => {
    const conf = ipv4({ Network: '10.244.0.0/16' });
    const six = ipv6({ IPv6Network: 'fd00:42::/56' });
    expect(['h1', 'h2', 'node-a.example.org'].map((host) => pickSubnet(conf, [], host))).toMatchInlineSnapshot(`
      [
        "10.244.28.0/24",
        "10.244.200.0/24",
        "10.244.144.0/24",
      ]
    `);
    expect(['h1', 'h2', 'node-a.example.org'].map((host) => pickSubnet(six, [], host))).toMatchInlineSnapshot(`
      [
        "fd00:42:0:1c::/64",
        "fd00:42:0:c8::/64",
        "fd00:42:0:90::/64",
      ]
    `);
  });

  test('goes round from SubnetMax to SubnetMin', () => {
    const conf = ipv4({ Network: '10.3.0.0/28' });
    const [a, b, c] = all(conf) as [Prefix, Prefix, Prefix];
    for (const free of [a, b, c]) {
      const taken = [a, b, c].filter((subnet) => subnet !== free);
      for (let host = 0; host < 20; host++) expect(pickSubnet(conf, taken, `h${host}`)).toBe(free);
    }
  });

  test('spreads hosts over all subnets: few want the same one', () => {
    const conf = ipv4({ Network: '10.0.0.0/8', SubnetLen: 24 });
    const wanted = Array.from({ length: 1_000 }, (_, host) => pickSubnet(conf, [], `node-${host}`) as Prefix);
    // 1,000 of 65,535 by chance: 8 collisions on average; flannel's draw of the first hundred has 900.
    expect(new Set(wanted).size).toBeGreaterThan(970);
    const upper = wanted.filter((subnet) => Number(subnet.split('.')[1]) >= 128).length;
    expect(upper).toBeGreaterThan(400);
    expect(upper).toBeLessThan(600);
  });

  test('passes over the other family and what lies outside the range', () => {
    const conf = ipv4({ Network: '10.3.0.0/28', SubnetMin: '10.3.0.8', SubnetMax: '10.3.0.8' });
    const taken = ['10.3.0.4/30', '10.3.0.12/30', '10.4.0.0/16', 'fd00::/8'].map((text) => parsePrefix(text));
    expect(pickSubnet(conf, taken, 'h')).toBe('10.3.0.8/30');
    expect(pickSubnet(conf, [parsePrefix('10.0.0.0/8')], 'h')).toBeUndefined();
    expect(pickSubnet(conf, [parsePrefix('10.3.0.9/32')], 'h')).toBeUndefined();
  });

  test('costs what is taken, not what there is', () => {
    const conf = ipv6({ IPv6Network: 'fd00::/16', IPv6SubnetLen: 126 });
    expect(subnetCount(conf.subnetMin, conf.subnetMax, 126)).toBeGreaterThan(2n ** 109n);
    const taken: Prefix[] = [];
    for (let host = 0; host < 200; host++) taken.push(pickSubnet(conf, taken, `h${host}`) as Prefix);
    expect(new Set(taken).size).toBe(200);
    // Half of an immense range taken by one prefix, and the rest still found without walking it.
    const half = parsePrefix('fd00::/17');
    for (let host = 0; host < 50; host++) {
      const picked = pickSubnet(conf, [half], `h${host}`) as Prefix;
      expect(prefixesOverlap(picked, half)).toBe(false);
    }
  });

  test('looks at each taken subnet a bounded number of times, also when all are taken', () => {
    const conf = ipv4({ Network: '10.0.0.0/8', SubnetLen: 24 });
    const taken = all(conf);
    let read = 0;
    function* counted(): Generator<Prefix> {
      for (const prefix of taken) {
        read++;
        yield prefix;
      }
    }
    expect(pickSubnet(conf, counted(), 'h')).toBeUndefined();
    expect(read).toBe(65_535);
    const last = taken.splice(40_000, 1)[0];
    expect(pickSubnet(conf, taken, 'h')).toBe(last);
  });
});

describe('fitting', () => {
  const conf = ipv4({ Network: '10.244.0.0/16', SubnetMin: '10.244.8.0', SubnetMax: '10.244.9.0' });
  test.each([
    ['10.244.8.0/24', true],
    ['10.244.9.0/24', true],
    ['10.244.7.0/24', false],
    ['10.244.10.0/24', false],
    ['10.244.8.0/25', false],
    ['10.244.8.0/23', false],
    ['10.99.8.0/24', false],
    ['fd00::/64', false],
  ])('%s: %s', (subnet, fits) => {
    expect(subnetFits(conf, parsePrefix(subnet))).toBe(fits);
  });

  test('no subnet of IPv4 addresses within IPv6, also when the network contains them', () => {
    const conf = ipv6({ IPv6Network: '::fffe:0:0/95', IPv6SubnetLen: 97 });
    const seeds = Array.from({ length: 20 }, (_, at) => `host-${at}`);
    // Of ::fffe:0:0/97 and three more, the first is never given, as in every network.
    expect(new Set(seeds.map((seed) => pickSubnet(conf, [], seed)))).toEqual(
      new Set([parsePrefix('::fffe:8000:0/97')]),
    );
    expect(pickSubnet(conf, [parsePrefix('::fffe:8000:0/97')], 'host')).toBeUndefined();
    expect(subnetFits(conf, parsePrefix('::ffff:0.0.0.0/97'))).toBe(false);
    expect(subnetFits(conf, parsePrefix('::fffe:8000:0/97'))).toBe(true);
    // A subnet that is as wide or wider does contain them, and is one like others.
    expect(subnetFits(ipv6({ IPv6Network: '::/48', IPv6SubnetLen: 64 }), parsePrefix('0:0:0:1::/64'))).toBe(true);
  });
});

describe('a pool of subnets', () => {
  test('gives by chance only what is free, until nothing is', () => {
    fc.assert(
      fc.property(ranges, fc.array(fc.nat()), (conf, places) => {
        const pool = new SubnetPool(conf);
        const left = new Set(all(conf).filter((subnet) => subnetFits(conf, subnet)));
        for (const place of places) {
          const subnet = [...left][place % left.size];
          if (subnet === undefined) break;
          left.delete(subnet);
          // As others may have it: whole, or a part of it.
          pool.take(place % 2 === 0 ? subnet : makePrefix(networkAddress(subnet), conf.subnetLen + 1));
        }
        for (const subnet of all(conf))
          if (subnetFits(conf, subnet)) expect(pool.isFree(subnet)).toBe(left.has(subnet));
        while (left.size > 0) {
          const picked = pool.any() as Prefix;
          expect(left.delete(picked)).toBe(true);
          pool.take(picked);
        }
        expect(pool.any()).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  test('gives the few that are free behind a long row of taken ones equally often', () => {
    const conf = ipv4({ Network: '10.0.0.0/16' });
    const pool = new SubnetPool(conf);
    const subnets = all(conf);
    const free = [subnets[0], subnets[1], subnets[200]];
    for (const subnet of subnets) if (!free.includes(subnet)) pool.take(subnet);
    // The first free one after a place drawn by chance would be the third in four of five cases.
    const counts = new Map<Prefix | undefined, number>();
    for (let turn = 0; turn < 3_000; turn++) {
      const picked = pool.any();
      counts.set(picked, (counts.get(picked) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([...free].sort());
    for (const count of counts.values()) expect(count).toBeLessThan(1_300);
  });

  test('is asked in a wide range, with a large block taken', () => {
    const conf = ipv4({ Network: '10.0.0.0/8' });
    const pool = new SubnetPool(conf);
    pool.take(parsePrefix('10.0.0.0/9'));
    pool.take(parsePrefix('10.128.0.0/10'));
    expect(pool.taken).toBe(2);
    expect(pool.isFree(parsePrefix('10.160.3.0/24'))).toBe(false);
    for (let turn = 0; turn < 200; turn++) {
      expect(prefixesOverlap(pool.any() as Prefix, parsePrefix('10.192.0.0/10'))).toBe(true);
    }
  });
});
