import { describe, expect, test } from '@jest/globals';
import type { Address, Lease } from '../dist/index.js';
import { Bench, dualHost, host, hosts, lease4 } from './lease-table-fixtures.js';

const set = (...leases: Lease[]): { type: 'set'; lease: Lease }[] => leases.map((lease) => ({ type: 'set', lease }));

describe('deltas', () => {
  test('a snapshot, the same again, a change, a removal', () => {
    const bench = new Bench();
    expect(bench.take(bench.table.snapshot(hosts(1, 3), 0))).toBe('set h1 h2 h3');
    expect(bench.take(bench.table.snapshot(hosts(1, 3), 1))).toBe('nothing');
    expect(bench.take(bench.table.changes(set(host(2, '192.168.7.7')), 2))).toBe('set h2');
    expect(bench.take(bench.table.changes([{ type: 'delete', key: 'h1' }], 3))).toBe('deleted h1');
    expect(bench.take(bench.table.changes([{ type: 'delete', key: 'h1' }], 4))).toBe('nothing');
    expect(bench.take(bench.table.changes([], 5))).toBe('nothing');
    expect([...bench.table.accepted()]).toEqual([...bench.network.values()]);
  });

  test('attributes of every kind make a set; the expiry does not, but is kept', () => {
    const { table } = new Bench();
    const base = { ...dualHost(2), expiresAt: 5 };
    table.snapshot([base], 0);
    const { ipv4, ipv6 } = base.attributes;
    const versions: Lease['attributes'][] = [
      { backendType: 'host-gw', ipv4, ipv6 },
      { backendType: 'host-gw', ipv4: { publicIP: '192.168.0.99' as Address }, ipv6 },
      { backendType: 'host-gw', ipv4: { publicIP: '192.168.0.99' as Address, data: { a: [1, { b: 2 }] } }, ipv6 },
      { backendType: 'host-gw', ipv4: { publicIP: '192.168.0.99' as Address, data: { a: [1, { b: 3 }] } }, ipv6 },
      { backendType: 'host-gw', ipv4: { publicIP: '192.168.0.99' as Address, data: { a: [1] } }, ipv6 },
      { backendType: 'host-gw', ipv4: { publicIP: '192.168.0.99' as Address, data: null }, ipv6 },
    ];
    for (const attributes of versions) {
      const lease = { ...base, attributes };
      expect(table.changes(set(lease), 1)).toEqual({ type: 'delta', set: [lease], deleted: [] });
      expect(table.changes(set(JSON.parse(JSON.stringify(lease))), 1)).toBeUndefined();
    }
    const renewed = { ...base, attributes: versions[5], expiresAt: 99 };
    expect(table.changes(set(renewed), 1)).toBeUndefined();
    expect(table.get('h2')?.expiresAt).toBe(99);
  });

  test('a renewal of a lease that is held in part is kept as well', () => {
    const { table } = new Bench();
    const lease = { ...dualHost(2), attributes: host(2).attributes, expiresAt: 5 };
    expect(table.snapshot([lease], 0)?.set).toEqual([{ ...host(2), expiresAt: 5 }]);
    expect(table.snapshot([{ ...lease, expiresAt: 9 }], 1)).toBeUndefined();
    expect(table.get('h2')).toEqual({ ...host(2), expiresAt: 9 });
  });

  test('a family that comes or goes', () => {
    const bench = new Bench();
    bench.take(bench.table.snapshot([dualHost(1), ...hosts(2, 3)], 0));
    expect(bench.take(bench.table.changes(set(host(1)), 1))).toBe('set h1');
    expect(bench.network.get('h1')).toEqual(host(1));
    expect(bench.take(bench.table.changes(set(dualHost(1)), 2))).toBe('set h1');
  });

  test('of one key, the last in a batch counts', () => {
    const bench = new Bench();
    const changes = [...set(host(1), host(1, '192.168.3.3')), { type: 'delete', key: 'h2' } as const, ...set(host(2))];
    expect(bench.take(bench.table.changes(changes, 0))).toBe('set h1 h2');
    expect(bench.network.get('h1')).toEqual(host(1, '192.168.3.3'));
    const again = [{ type: 'delete', key: 'h1' } as const, ...set(host(1, '192.168.3.3'), host(2, '192.168.4.4'))];
    expect(bench.take(bench.table.changes([...again, ...set(host(2, '192.168.4.4'))], 1))).toBe('set h2');
    expect(bench.take(bench.table.snapshot([host(1), host(1, '192.168.3.3'), host(2, '192.168.4.4')], 2))).toBe(
      'nothing',
    );
    expect(bench.take(bench.table.changes([...set(host(9)), { type: 'delete', key: 'h9' }], 3))).toBe('nothing');
    expect([...bench.table.accepted()]).toHaveLength(2);
  });

  test('what one lets go another gets in the same batch', () => {
    const bench = new Bench();
    bench.take(bench.table.snapshot(hosts(1, 9), 0));
    const heir = { ...host(1, '192.168.0.77'), key: 'h77' };
    const rest = hosts(2, 9);
    expect(bench.take(bench.table.snapshot([heir, ...rest], 1))).toBe('set h77, deleted h1');
  });
});

describe('the own lease', () => {
  test('is no peer, whenever it becomes known', () => {
    const bench = new Bench();
    expect(bench.take(bench.table.snapshot(hosts(1, 3), 0))).toBe('set h1 h2 h3');
    expect(bench.take(bench.table.setOwn(host(2), 1))).toBe('deleted h2');
    expect(bench.take(bench.table.setOwn({ ...host(2), expiresAt: 9 }, 1))).toBe('nothing');
    expect(bench.take(bench.table.snapshot(hosts(1, 3), 2))).toBe('nothing');
    expect(bench.take(bench.table.changes(set(host(2, '192.168.9.9')), 3))).toBe('nothing');
    expect([...bench.table.held()]).toEqual([]);
    expect(bench.take(bench.table.setOwn(undefined, 4))).toBe('set h2');
  });
});

describe('of two in conflict the first stays', () => {
  const second = lease4('h5', '10.244.1.0/25', '192.168.0.5');

  test('in one snapshot, in its order', () => {
    const bench = new Bench();
    expect(bench.take(bench.table.snapshot([second, host(1)], 0))).toBe('set h5');
    expect([...bench.table.held()].map(({ key }) => key)).toEqual(['h1']);
  });

  test('and the other comes in when the first goes, or moves', () => {
    const bench = new Bench();
    bench.take(bench.table.snapshot([...hosts(1, 4), second], 0));
    expect(bench.take(bench.table.changes(set({ ...host(200), key: 'h1' }), 1))).toBe('set h1 h5');
    expect(bench.take(bench.table.changes(set(host(1)), 2))).toBe('deleted h1');
    expect([...bench.table.held()]).toEqual([
      { key: 'h1', reasons: { ipv4: 'subnet 10.244.1.0/24 overlaps 10.244.1.0/25 of lease "h5"' } },
    ]);
    expect(bench.take(bench.table.changes([{ type: 'delete', key: 'h5' }], HOUR))).toBe('set h1, deleted h5');
    expect([...bench.table.held()]).toEqual([]);
  });

  test('of many that wait, the one that came first; the reason of the others names it', () => {
    const bench = new Bench();
    const waiting = [11, 12, 13].map((n) => ({ ...host(1, `192.168.0.${n}`), key: `h${n}` }));
    bench.take(bench.table.snapshot([...hosts(1, 3), ...waiting], 0));
    expect([...bench.table.held()]).toHaveLength(3);
    expect(bench.take(bench.table.changes([{ type: 'delete', key: 'h1' }], 1))).toBe('set h11, deleted h1');
    expect([...bench.table.held()]).toEqual(
      ['h12', 'h13'].map((key) => ({
        key,
        reasons: { ipv4: 'subnet 10.244.1.0/24 overlaps 10.244.1.0/24 of lease "h11"' },
      })),
    );
  });

  test('one public IP for several is allowed, unless it is claimed', () => {
    const bench = new Bench();
    const nat = [1, 2, 3].map((n) => host(n, '192.0.2.1'));
    expect(bench.take(bench.table.snapshot(nat, 0))).toBe('set h1 h2 h3');
    expect(bench.take(bench.table.setClaims(({ attributes }) => [`ip:${attributes.ipv4?.publicIP}`], 1))).toBe(
      'deleted h2 h3',
    );
    expect([...bench.table.held()].map(({ reasons }) => reasons.ipv4)).toEqual(
      ['h2', 'h3'].map(() => 'claims "ip:192.0.2.1", taken by lease "h1"'),
    );
    expect(bench.take(bench.table.changes(set(host(1)), 2))).toBe('set h1 h2');
    expect(bench.take(bench.table.setClaims(() => [], 3))).toBe('set h3');
  });

  test('a shared public IP is guarded as long as one of them has it', () => {
    const bench = new Bench();
    bench.take(bench.table.snapshot([host(1, '10.244.50.5'), host(2, '10.244.50.5'), ...hosts(3, 9), host(50)], 0));
    expect(bench.keys()).toBe('h1 h2 h3 h4 h5 h6 h7 h8 h9');
    expect(bench.take(bench.table.changes([{ type: 'delete', key: 'h1' }], 1))).toBe('deleted h1');
    expect(bench.take(bench.table.changes(set(host(2)), 2))).toBe('set h2 h50');
  });

  test('two that exchange what they claim do so in one step', () => {
    const bench = new Bench();
    bench.table.setClaims(({ attributes }) => [`mac:${attributes.ipv4?.data as number}`], 0);
    const withMac = (n: number, mac: number): Lease => lease4(`h${n}`, `10.244.${n}.0/24`, `192.168.0.${n}`, mac);
    const peers = Array.from({ length: 10 }, (_, n) => withMac(n, n));
    bench.take(bench.table.snapshot(peers, 0));
    expect(bench.take(bench.table.changes(set(withMac(1, 2), withMac(2, 1)), 1))).toBe('set h1 h2');
    expect([...bench.table.held()]).toEqual([]);
  });
});

const HOUR = 3_600_000;
