import { describe, expect, test } from '@jest/globals';
import { addressFamily } from '@overlay/core';
import type { Address, Prefix } from '@overlay/core';
import { routeMetric } from '../../dist/kinds/objects.js';
import type { RouteObject } from '../../dist/kinds/objects.js';
import { routeBreadth, routeShadow } from '../../dist/kinds/route-shadow.js';

const OURS = 111;
const marks = {
  protocols: new Set([OURS]),
  metric: (destination: Prefix): number => routeMetric(addressFamily(destination), destination),
};

function route(destination: string, rest: Partial<RouteObject> = {}): RouteObject {
  return {
    kind: 'route',
    destination: destination as Prefix,
    link: 'eth1',
    onlink: false,
    metric: 0,
    protocol: 3,
    ...rest,
  };
}

/** The keys of what a route would keep from working, of wanted routes to these prefixes. */
function victims(actual: RouteObject, wanted: readonly string[]): readonly (readonly [string, number])[] {
  const breadths = wanted.map((destination) => routeBreadth(route(destination)));
  const shadow = routeShadow(actual, marks);
  if (!shadow) return [];
  return [...shadow.candidates(breadths)].map(({ destination, metric }) => [destination, metric] as const);
}

function ours(destination: string): readonly [string, number] {
  return [destination, marks.metric(destination as Prefix)];
}

describe('a foreign route', () => {
  test.each([
    ['10.1.2.128/25', '10.1.2.0/24'],
    ['10.1.2.7/32', '10.1.2.0/24'],
    ['10.1.2.0/30', '10.1.2.0/24'],
    ['10.1.0.0/16', '0.0.0.0/0'],
    ['fd00:1:2::/72', 'fd00:1:2::/64'],
    ['fd00:1:2::7/128', 'fd00:1:2::/64'],
    ['fd00:1:2:3::/64', 'fd00:1:2::/48'],
  ])('to %s takes a part of ours to %s, with whatever metric', (foreign, wanted) => {
    for (const metric of [0, 4_000_000_000]) {
      expect(victims(route(foreign, { metric }), [wanted])).toContainEqual(ours(wanted));
    }
  });

  test.each([
    ['10.1.3.0/25', '10.1.2.0/24'],
    ['10.1.0.0/16', '10.1.2.0/24'],
    ['fd00:1:3::/72', 'fd00:1:2::/64'],
    ['fd00:1::/48', 'fd00:1:2::/64'],
    ['fd00:1:2::/72', '10.1.2.0/24'],
  ])('to %s takes nothing from ours to %s', (foreign, wanted) => {
    expect(victims(route(foreign), [wanted])).not.toContainEqual(ours(wanted));
  });

  test('to the same destination goes before ours with a smaller metric alone', () => {
    const metric = marks.metric('10.1.2.0/24' as Prefix);
    expect(victims(route('10.1.2.0/24', { metric: metric - 1 }), ['10.1.2.0/24'])).toEqual([ours('10.1.2.0/24')]);
    expect(victims(route('10.1.2.0/24', { metric: metric + 1 }), ['10.1.2.0/24'])).toEqual([]);
  });

  test('with the same metric has the place of ours, which flanneld’s own leaves to us', () => {
    const gateway = 'fe80::2' as Address;
    const wanted = route('fd00:1:2::/64', { gateway, metric: 1024, protocol: OURS });
    const foreign = (rest: Partial<RouteObject>): RouteObject => ({ ...wanted, protocol: 3, ...rest });
    const keeps = (actual: RouteObject): boolean | undefined => routeShadow(actual, marks)?.keeps?.(wanted);
    expect(victims(foreign({ protocol: 4 }), ['fd00:1:2::/64'])).toEqual([ours('fd00:1:2::/64')]);
    expect(keeps(foreign({ protocol: 4 }))).toBe(true);
    expect(keeps(foreign({ link: 'eth2' }))).toBe(true);
    expect(keeps(foreign({ gateway: 'fe80::3' as Address }))).toBe(true);
    expect(keeps(foreign({ link: '' }))).toBe(true);
    expect(keeps(foreign({}))).toBe(false);
    expect(keeps(foreign({ metric: 1023, protocol: 4 }))).toBeUndefined();
    expect(routeShadow(foreign({ protocol: 4 }), marks)?.message(wanted)).toMatch(/ has the place of ours; if nobody /);
  });

  test('is looked for under those prefix lengths alone that ours have, the narrowest first', () => {
    expect(victims(route('10.1.2.128/25', { metric: 2000 }), ['10.9.0.0/16', '10.8.7.0/24', 'fd00::/64'])).toEqual([
      ours('10.1.2.0/24'),
      ours('10.1.0.0/16'),
    ]);
    expect(victims(route('10.1.2.128/25', { metric: 2000 }), ['10.9.0.0/26'])).toEqual([]);
  });

  test('of ours is none', () => {
    expect(routeShadow(route('10.1.2.128/25', { protocol: OURS }), marks)).toBeUndefined();
  });

  test('is told with what it does, and the command that removes it', () => {
    const actual = route('10.1.2.128/25', { gateway: '172.16.0.9' as Address, metric: 20 });
    const shadow = routeShadow(actual, marks);
    expect(shadow?.message(route('10.1.2.0/24'))).toBe(
      'a foreign route to 10.1.2.128/25 via 172.16.0.9 dev eth1 (protocol 3, metric 20) takes its part of the traffic of ' +
        'ours to 10.1.2.0/24; if nobody needs it: ip route del 10.1.2.128/25 via 172.16.0.9 dev eth1 metric 20',
    );
    expect(shadow?.message(route('10.1.2.128/25'))).toMatch(/ goes before ours; if nobody needs it: ip route del /);
    const blackhole = routeShadow(route('10.1.2.128/25', { link: '' }), marks);
    expect(blackhole?.message(route('10.1.2.0/24'))).toMatch(/: ip route del 10\.1\.2\.128\/25 metric 0$/);
  });
});
