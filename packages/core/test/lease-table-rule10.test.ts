import { describe, expect, test } from '@jest/globals';
import type { Address, FamilyConf, Lease, LeaseChange, Prefix } from '../dist/index.js';
import { Bench, dualHost, host, hosts, lease4, NET_CONF } from './lease-table-fixtures.js';

const gone = (n: number): LeaseChange => ({ type: 'delete', key: `h${n}` });
const HOLD = 60_000;
const IPV4 = NET_CONF.ipv4 as FamilyConf;

/** A network of the hosts 1 to `count`. */
function network(count: number, options?: ConstructorParameters<typeof Bench>[0]): Bench {
  const bench = new Bench(options);
  bench.take(bench.table.snapshot(hosts(1, count), 0));
  expect(bench.table.size).toBe(count);
  return bench;
}

describe('removals that are believed at once', () => {
  test.each([
    ['the only one', 1, 1],
    ['one of two', 2, 1],
    ['one of three', 3, 1],
    ['two of twenty', 20, 2],
    ['four of twenty, just a fifth', 20, 4],
  ])('%s', (_, count, vanish) => {
    const { table, ...bench } = network(count);
    const delta = table.snapshot(hosts(vanish + 1, count), 10);
    expect(delta?.deleted).toHaveLength(vanish);
    expect(table.doubt).toBeUndefined();
    expect(table.due()).toBeUndefined();
    expect(table.needsReread(1e9)).toBe(false);
    expect(bench.network.size).toBe(count);
  });

  test('all, when doubt is switched off', () => {
    const { table } = network(5, { holdMs: 0 });
    expect(table.snapshot([], 10)?.deleted).toHaveLength(5);
    expect(table.doubt).toBeUndefined();
  });

  test('more, with another fraction', () => {
    const { table } = network(10, { doubtFraction: 0.5 });
    expect(table.snapshot(hosts(6, 10), 10)?.deleted).toHaveLength(5);
  });
});

describe('removals that are doubted', () => {
  test('a snapshot that is empty', () => {
    const { table } = network(2);
    expect(table.snapshot([], 10)).toBeUndefined();
    expect(table.doubt).toEqual({ keys: ['h1', 'h2'], since: 10, until: 10 + HOLD });
    expect([...table.heldRemovals()]).toEqual([
      { key: 'h1', lease: host(1), what: 'gone', since: 10, until: 10 + HOLD },
      { key: 'h2', lease: host(2), what: 'gone', since: 10, until: 10 + HOLD },
    ]);
    expect([...table.accepted()]).toEqual(hosts(1, 2));
  });

  test('a single one, when the store went back; the next snapshot of then settles it', () => {
    const { table } = network(20);
    expect(table.snapshot(hosts(2, 20), 10, true)).toBeUndefined();
    expect(table.doubt).toEqual({ keys: ['h1'], since: 10, until: 10 + HOLD });
    expect(table.snapshot(hosts(2, 20), 10 + HOLD)?.deleted).toEqual(['h1']);
    // It was about that snapshot only.
    expect(table.snapshot(hosts(3, 20), 10 + 3 * HOLD)?.deleted).toEqual(['h2']);
  });

  test('half of them, while additions pass', () => {
    const bench = network(10);
    expect(bench.take(bench.table.snapshot(hosts(6, 12), 10))).toBe('set h11 h12');
    expect(bench.table.doubt?.keys).toEqual(['h1', 'h2', 'h3', 'h4', 'h5']);
    expect(bench.take(bench.table.changes([{ type: 'set', lease: host(13) }], 20))).toBe('set h13');
    expect(bench.keys()).toBe('h1 h2 h3 h4 h5 h6 h7 h8 h9 h10 h11 h12 h13');
  });

  test('additions in the same snapshot do not make the removals look few', () => {
    const bench = network(10);
    expect(bench.take(bench.table.snapshot(hosts(101, 199), 10))).toMatch(/^set h101 /);
    expect(bench.table.doubt?.keys).toHaveLength(10);
  });

  test('one more than a fifth', () => {
    const { table } = network(20);
    expect(table.snapshot(hosts(6, 20), 10)).toBeUndefined();
    expect(table.doubt?.keys).toHaveLength(5);
  });

  test('a burst, one by one: from the first one that is too many', () => {
    const bench = network(20);
    const told = [1, 2, 3, 4, 5, 6].map((n) => bench.take(bench.table.changes([gone(n)], n * 1000)));
    expect(told).toEqual(['deleted h1', 'deleted h2', 'deleted h3', 'deleted h4', 'nothing', 'nothing']);
    expect(bench.table.doubt).toEqual({ keys: ['h5', 'h6'], since: 5000, until: 5000 + HOLD });
  });

  test('the same, slowly, is no burst', () => {
    const bench = network(20);
    const told = [1, 2, 3, 4, 5, 6].map((n) => bench.take(bench.table.changes([gone(n)], n * 20_000)));
    expect(told).toEqual([1, 2, 3, 4, 5, 6].map((n) => `deleted h${n}`));
  });

  test('one host that comes and goes is one peer, however often', () => {
    const bench = network(20);
    for (let n = 0; n < 50; n++) {
      expect(bench.take(bench.table.changes([gone(1)], 100 * n))).toBe('deleted h1');
      expect(bench.take(bench.table.changes([{ type: 'set', lease: host(1) }], 100 * n))).toBe('set h1');
    }
    expect(bench.take(bench.table.changes([gone(1), gone(2), gone(3), gone(4)], 9000))).toBe('deleted h1 h2 h3 h4');
  });

  test('a store rolled back: other subnets under the same keys', () => {
    const bench = network(5);
    const older = [1, 2, 3, 4, 5].map((n) => ({ ...host(n + 50), key: `h${n}` }));
    expect(bench.take(bench.table.snapshot(older, 10))).toBe('nothing');
    expect([...bench.table.heldRemovals()].map(({ key, what }) => `${key} ${what}`)).toEqual(
      [1, 2, 3, 4, 5].map((n) => `h${n} changed`),
    );
    expect([...bench.table.accepted()]).toEqual(hosts(1, 5));
    expect(bench.take(bench.table.snapshot(older, 10 + HOLD))).toBe('set h1 h2 h3 h4 h5');
    expect([...bench.table.accepted()]).toEqual(older);
  });

  test('a subnet replaced in one of many passes at once', () => {
    const bench = network(5);
    const moved = { ...host(77), key: 'h1' };
    expect(bench.take(bench.table.changes([{ type: 'set', lease: moved }], 10))).toBe('set h1');
    expect(bench.network.get('h1')).toEqual(moved);
  });

  test('subnets that change one by one are a burst as well', () => {
    const bench = network(5);
    const move = (n: number): LeaseChange => ({ type: 'set', lease: { ...host(n + 50), key: `h${n}` } });
    expect(bench.take(bench.table.changes([move(1)], 10))).toBe('set h1');
    expect(bench.take(bench.table.changes([move(2)], 20))).toBe('nothing');
    expect(bench.table.get('h2')).toEqual(host(2));
  });

  test('an edit that takes the public IPs away', () => {
    const bench = network(3);
    const broken = hosts(1, 3).map((lease) => lease4(lease.key, lease.subnets.ipv4 as string, '0.0.0.0'));
    expect(bench.take(bench.table.snapshot(broken, 10))).toBe('nothing');
    expect([...bench.table.heldRemovals()].map(({ what }) => what)).toEqual(['refused', 'refused', 'refused']);
    expect([...bench.table.held()]).toHaveLength(3);
    expect([...bench.table.accepted()]).toEqual(hosts(1, 3));
    expect(bench.take(bench.table.snapshot(hosts(1, 3), 20))).toBe('nothing');
    expect(bench.table.doubt).toBeUndefined();
    expect([...bench.table.held()]).toEqual([]);
  });

  test('an edit that gives every host one MAC', () => {
    const bench = network(4);
    const macOf = ({ attributes: { ipv4 } }: Lease): string[] =>
      ipv4?.data === undefined ? [] : [`mac:${ipv4.data as string}`];
    bench.take(bench.table.setClaims(macOf, 0));
    const same = hosts(1, 4).map(({ key, subnets, attributes: { ipv4 } }) =>
      lease4(key, subnets.ipv4 as string, ipv4?.publicIP as string, 'aa'),
    );
    expect(bench.take(bench.table.snapshot(same, 10))).toBe('set h1');
    expect([...bench.table.heldRemovals()].map(({ key, what }) => `${key} ${what}`)).toEqual([
      'h2 refused',
      'h3 refused',
      'h4 refused',
    ]);
    expect([...bench.table.held()][0]).toEqual({
      key: 'h2',
      reasons: { ipv4: 'claims "mac:aa", taken by lease "h1"' },
    });
    expect(bench.take(bench.table.snapshot(same, 10 + HOLD))).toBe('deleted h2 h3 h4');
  });

  test('a refused version comes in when it is due, if what it wants is free by then', () => {
    const bench = network(4);
    const withMac = (n: number, mac: string): Lease => lease4(`h${n}`, `10.244.${n}.0/24`, `192.168.0.${n}`, mac);
    bench.take(
      bench.table.setClaims(({ attributes: { ipv4 } }) => [`mac:${(ipv4?.data ?? ipv4?.publicIP) as string}`], 0),
    );
    const same = [1, 2, 3, 4].map((n) => withMac(n, 'aa'));
    expect(bench.take(bench.table.snapshot(same, 10))).toBe('set h1');
    expect(bench.take(bench.table.changes([{ type: 'set', lease: withMac(1, 'bb') }], 20))).toBe('set h1');
    expect(bench.table.doubt?.keys).toEqual(['h2', 'h3', 'h4']);
    expect(bench.take(bench.table.settle(10 + HOLD))).toBe('set h2, deleted h3 h4');
  });

  test('one family lost by many', () => {
    const bench = new Bench();
    bench.take(bench.table.snapshot([1, 2, 3].map(dualHost), 0));
    expect(bench.take(bench.table.snapshot(hosts(1, 3), 10))).toBe('nothing');
    expect(bench.table.doubt?.keys).toEqual(['h1', 'h2', 'h3']);
    expect(bench.take(bench.table.snapshot([host(1), dualHost(2), dualHost(3)], 20))).toBe('nothing');
    expect(bench.table.doubt?.keys).toEqual(['h1']);
  });

  test('what is doubted keeps its subnet against a newcomer, who gets it afterwards', () => {
    const bench = network(3);
    const newcomer: Lease = { ...host(1, '192.168.0.99'), key: 'h9' };
    expect(bench.take(bench.table.snapshot([newcomer], 10))).toBe('nothing');
    expect([...bench.table.held()]).toEqual([
      { key: 'h9', reasons: { ipv4: 'subnet 10.244.1.0/24 overlaps 10.244.1.0/24 of lease "h1"' } },
    ]);
    expect(bench.take(bench.table.snapshot([newcomer], 10 + HOLD))).toBe('set h9, deleted h1 h2 h3');
  });
});

describe('how a doubt ends', () => {
  test('who comes back the same is no longer held, and the network hears nothing', () => {
    const bench = network(4);
    bench.table.snapshot([], 10);
    expect(bench.take(bench.table.changes([{ type: 'set', lease: host(2) }], 20))).toBe('nothing');
    expect(bench.table.doubt?.keys).toEqual(['h1', 'h3', 'h4']);
    expect(bench.take(bench.table.snapshot(hosts(1, 4), 30))).toBe('nothing');
    expect(bench.table.doubt).toBeUndefined();
  });

  test('who comes back with another endpoint is set', () => {
    const bench = network(4);
    bench.table.snapshot([], 10);
    expect(bench.take(bench.table.changes([{ type: 'set', lease: host(2, '192.168.9.9') }], 20))).toBe('set h2');
    expect(bench.table.doubt?.keys).toEqual(['h1', 'h3', 'h4']);
  });

  test('confirmed by the first snapshot at or after its end, not before, and not by changes', () => {
    const bench = network(4);
    bench.table.snapshot([host(4)], 10);
    const { table } = bench;
    expect(bench.take(table.snapshot([host(4)], 10 + HOLD - 1))).toBe('nothing');
    expect(table.needsReread(10 + HOLD - 1)).toBe(false);
    expect(table.due()).toBe(10 + HOLD);
    expect(table.needsReread(10 + HOLD)).toBe(true);
    expect(bench.take(table.changes([{ type: 'set', lease: host(5) }], 10 + HOLD))).toBe('set h5');
    expect(table.doubt?.keys).toEqual(['h1', 'h2', 'h3']);
    expect(bench.take(table.snapshot([host(2), host(4), host(5)], 10 + HOLD))).toBe('deleted h1 h3');
    expect(table.doubt).toBeUndefined();
    expect(bench.keys()).toBe('h2 h4 h5');
    expect(table.size).toBe(3);
  });

  test('settled without a snapshot', () => {
    const bench = network(4);
    bench.table.snapshot([host(4)], 10);
    expect(bench.take(bench.table.settle(10 + HOLD - 1))).toBe('nothing');
    expect(bench.take(bench.table.settle(10 + HOLD))).toBe('deleted h1 h2 h3');
    expect(bench.take(bench.table.settle(10 + HOLD))).toBe('nothing');
  });

  test('removals that were confirmed do not make later ones doubtful', () => {
    const bench = network(12);
    bench.table.snapshot(hosts(7, 12), 10);
    expect(bench.take(bench.table.snapshot(hosts(7, 12), 10 + HOLD))).toBe('deleted h1 h2 h3 h4 h5 h6');
    expect(bench.take(bench.table.changes([gone(7)], 11 + HOLD))).toBe('deleted h7');
    expect(bench.take(bench.table.changes([gone(8)], 12 + HOLD))).toBe('nothing');
  });

  test('later removals wait as long, and are read again in steps of a tenth', () => {
    const bench = network(10);
    const { table } = bench;
    table.snapshot(hosts(6, 10), 0);
    table.changes([gone(6)], 2000);
    table.changes([gone(7)], 6000);
    table.changes([gone(8)], 6001);
    expect([...table.heldRemovals()].map(({ key, since, until }) => [key, since, until]).slice(5)).toEqual([
      ['h6', 2000, 66_000],
      ['h7', 6000, 66_000],
      ['h8', 6001, 72_000],
    ]);
    const rest = hosts(9, 10);
    expect(bench.take(table.snapshot(rest, 60_000))).toBe('deleted h1 h2 h3 h4 h5');
    expect(table.doubt).toEqual({ keys: ['h6', 'h7', 'h8'], since: 2000, until: 66_000 });
    expect(bench.take(table.snapshot(rest, 66_000))).toBe('deleted h6 h7');
    expect(bench.take(table.snapshot(rest, 72_000))).toBe('deleted h8');
    expect(table.doubt).toBeUndefined();
  });

  test('what this host decides is not doubted, and ends a doubt of what it concerns', () => {
    const bench = network(3);
    bench.table.snapshot([], 10);
    const own = lease4('me', '10.244.2.0/24', '192.168.0.50');
    expect(bench.take(bench.table.setOwn(own, 20))).toBe('deleted h2');
    expect(bench.table.doubt?.keys).toEqual(['h1', 'h3']);
    expect(bench.table.size).toBe(2);
    const elsewhere = { ...NET_CONF, ipv4: { ...IPV4, network: '10.99.0.0/16' as Prefix } };
    expect(bench.take(bench.table.setNetConf(elsewhere, 30))).toBe('deleted h1 h3');
    expect(bench.table.doubt).toBeUndefined();
    expect([...bench.table.held()]).toEqual([]);
  });

  test('what this host takes from the network is no removal, but still one of the peers', () => {
    const bench = network(10);
    bench.take(bench.table.changes([{ type: 'set', lease: { ...host(201), key: 'h1' } }], 10));
    expect(bench.take(bench.table.setUnderlay(['10.244.201.7' as Address], 20))).toBe('deleted h1');
    expect(bench.take(bench.table.changes([gone(2)], 30))).toBe('deleted h2');
    expect(bench.take(bench.table.changes([gone(3)], 40))).toBe('nothing');
  });

  test('what is gone from the store does not come back when this host changes its mind', () => {
    const bench = network(3);
    bench.table.snapshot([], 10);
    expect(bench.take(bench.table.setUnderlay(['10.244.3.3' as Address], 20))).toBe('deleted h3');
    expect(bench.take(bench.table.setUnderlay([], 20))).toBe('nothing');
  });
});
