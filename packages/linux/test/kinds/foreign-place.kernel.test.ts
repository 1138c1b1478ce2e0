import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseAddress, parsePrefix } from '@overlay/core';
import { openLinux } from '@overlay/linux';
import type { Linux, Scope } from '@overlay/linux';
import { Namespace, until } from '../netlink/namespace.js';

/** A host whose routes of a family all have one metric, that of whoever asks for none. */
const FAMILIES = [
  { family: 'ipv4', flag: '-4', subnet: '10.244.2.0/24', gateway: '192.0.2.2', other: '192.0.2.9', metric: 0 },
  { family: 'ipv6', flag: '-6', subnet: 'fd00:244:2::/64', gateway: '2001:db8::2', other: '2001:db8::9', metric: 1024 },
] as const;

let netns: Namespace;
let linux: Linux;
let scope: Scope;

beforeEach(() => {
  netns = new Namespace('place');
  netns.ip('link set lo up');
  netns.ip('link add eth0 type veth peer name wire');
  netns.ip('address add 192.0.2.1/24 dev eth0');
  netns.ip('address add 2001:db8::1/64 dev eth0 nodad');
  netns.ip('link set eth0 up');
  netns.ip('link set wire up');
});

afterEach(async () => {
  await linux.close();
  netns.remove();
});

describe.each(FAMILIES)('a route of $family', ({ flag, subnet, gateway, other, metric }) => {
  const ours = { gateway, protocol: '111' };
  const foreign = { gateway: other, protocol: 'static' };

  async function start(): Promise<void> {
    // No audit: what is noticed here the kernel has told.
    linux = openLinux({ netns: netns.path, routeMetrics: false, auditMs: 0 });
    scope = linux.reconciler.scope('test');
    const [destination, via] = [parsePrefix(subnet), parseAddress(gateway)];
    scope.set('peer', [linux.route({ destination, link: 'eth0', gateway: via, onlink: false })]);
    await scope.settled({ signal: AbortSignal.timeout(20_000) });
  }

  const routes = (): Record<string, unknown>[] => netns.show(`${flag} route show root ${subnet}`);
  const told = (): string | undefined => scope.problems(9).map(({ message }) => message)[0];
  const isOurs = (): boolean => routes().length === 1 && routes()[0]?.['protocol'] === '111';

  /** The conflict is shown; what it says to do is done, and ours has its place. */
  async function settle(): Promise<void> {
    await until(() => told() !== undefined, 'the conflict is shown');
    expect(scope.problems(9)).toHaveLength(1);
    expect(told()).toContain(
      `a foreign route to ${subnet} via ${other} dev eth0 (protocol 4, metric ${metric}) has the place of ours`,
    );
    expect(scope.applied('peer')).toBe(false);
    expect(routes()).toMatchObject([foreign]);
    netns.ip(/if nobody needs it: ip (.*)$/.exec(told() ?? '')?.[1] ?? '');
    await until(isOurs, 'ours is there');
    await until(() => told() === undefined, 'the conflict is not shown any more');
    expect(routes()).toMatchObject([ours]);
  }

  test('does not take the place of a foreign one that was there first', async () => {
    netns.ip(`route add ${subnet} via ${other} proto static`);
    await start();
    await settle();
  });

  test('that somebody replaces meanwhile is shown, and does not fight', async () => {
    await start();
    expect(routes()).toMatchObject([ours]);
    netns.ip(`route replace ${subnet} via ${other} proto static`);
    await until(() => told() !== undefined, 'the conflict is shown');
    const written = linux.session.writes;
    linux.reconciler.audit();
    await scope.settled({ signal: AbortSignal.timeout(20_000) });
    expect(linux.session.writes).toBe(written);
    await settle();
  });

  test('comes to be wanted where a foreign one has been all along', async () => {
    await start();
    scope.delete('peer');
    await scope.settled({ signal: AbortSignal.timeout(20_000) });
    netns.ip(`route add ${subnet} via ${other} proto static`);
    netns.ip('link add last0 type veth peer name last1');
    // Notifications come in order.
    await until(() => linux.links.byName('last0') !== undefined, 'everything has been heard');
    const [destination, via] = [parsePrefix(subnet), parseAddress(gateway)];
    scope.set('peer', [linux.route({ destination, link: 'eth0', gateway: via, onlink: false })]);
    await scope.settled({ signal: AbortSignal.timeout(20_000) });
    await settle();
  });

  test('takes over what flanneld has made in its place', async () => {
    netns.ip(`route add ${subnet} via ${gateway} dev eth0`);
    await start();
    expect(routes()).toMatchObject([ours]);
    netns.ip(`route replace ${subnet} via ${gateway} dev eth0`);
    await until(isOurs, 'ours is there again');
    expect(scope.problems(9)).toEqual([]);
  });
});
