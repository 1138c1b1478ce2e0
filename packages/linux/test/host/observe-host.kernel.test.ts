import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { silentLogger } from '@overlay/core';
import type { HostState } from '@overlay/core';
import { observeHost } from '../../dist/host/index.js';
import type { InterfaceOptions, ObserveHostContext } from '../../dist/host/index.js';
import { openNetlink } from '../../dist/netlink/index.js';
import type { NetlinkPort } from '../../dist/netlink/index.js';
import { FaultyNetlink } from '../../dist/testing/index.js';
import { TestHost } from './test-host.js';

const V4 = { families: ['ipv4'] } as const;

let host: TestHost;
let netlink: NetlinkPort;
const open: Follower[] = [];

/** A subscription with all states that it was told, and the means to wait for one. */
class Follower {
  readonly states: HostState[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #subscription;

  constructor(port: NetlinkPort, options: InterfaceOptions, context?: ObserveHostContext) {
    this.#subscription = observeHost(port, options, context).subscribe((state) => {
      this.states.push(state);
      for (const check of this.#waiting) check();
    });
    open.push(this);
  }

  get last(): HostState | undefined {
    return this.states.at(-1);
  }

  /** The last state in short: `eth0 10.0.0.2` or the beginning of what it waits for. */
  get text(): string {
    const { host: chosen, waiting = 'nothing yet' } = this.last ?? {};
    if (chosen === undefined) return waiting;
    return [chosen.interface.name, chosen.ipv4?.address, chosen.ipv6?.address].filter(Boolean).join(' ');
  }

  /** Resolves with the state once it satisfies, in milliseconds that it took. */
  async until(what: string, satisfies: (state: HostState) => boolean): Promise<number> {
    const started = performance.now();
    await new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (this.last === undefined || !satisfies(this.last)) return;
        this.#waiting.delete(check);
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        reject(new Error(`waited for ${what}; the last state is ${JSON.stringify(this.last)}`));
      }, 5000);
      this.#waiting.add(check);
      check();
    });
    return performance.now() - started;
  }

  untilText(expected: string): Promise<number> {
    return this.until(expected, () => this.text === expected || (this.last?.waiting ?? '').startsWith(expected));
  }

  end(): void {
    this.#subscription.unsubscribe();
  }
}

beforeEach(async () => {
  host = await TestHost.create('host');
  netlink = openNetlink({ netns: host.path });
});

afterEach(async () => {
  for (const follower of open.splice(0)) follower.end();
  netlink.close();
  await host.remove();
});

/** Two ends of a cable; the other end lets a carrier be lost. */
async function plug(name: string, ...addresses: string[]): Promise<void> {
  await host.ip(`link add ${name} type veth peer name ${name}-far`);
  await host.ip(`link set ${name}-far up`);
  await host.ip(`link set ${name} up`);
  for (const address of addresses)
    await host.ip(`addr add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`);
}

describe('observeHost', () => {
  test('follows a default route from nothing to there, away, and back', async () => {
    const follower = new Follower(netlink, V4);
    await follower.untilText('there is no IPv4 default route; name the interface with --iface.');
    await plug('eth0', '10.0.0.2/24');
    await host.ip('route add default via 10.0.0.1');
    expect(await follower.untilText('eth0 10.0.0.2')).toBeLessThan(1000);
    await host.ip('route del default');
    await follower.untilText('there is no IPv4 default route');
    await host.ip('route add default via 10.0.0.1');
    await follower.untilText('eth0 10.0.0.2');
  });

  test('notices routes that go without a word when their interface goes down', async () => {
    await plug('eth0', '10.0.0.2/24');
    await host.ip('route add default via 10.0.0.1');
    const follower = new Follower(netlink, V4);
    await follower.untilText('eth0 10.0.0.2');
    await host.ip('link set eth0 down');
    await follower.until('no default route', ({ waiting }) => waiting?.includes('no IPv4 default route') === true);
    await host.ip('link set eth0 up');
    await host.ip('route add default via 10.0.0.1');
    await follower.untilText('eth0 10.0.0.2');
  });

  test('moves to the route with the lower metric, and to one that is left', async () => {
    await plug('eth0', '10.0.0.2/24');
    await plug('eth1', '10.1.0.2/24');
    await host.ip('route add default via 10.0.0.1 metric 100');
    const follower = new Follower(netlink, V4);
    await follower.untilText('eth0 10.0.0.2');
    await host.ip('route add default via 10.1.0.1 metric 50');
    await follower.untilText('eth1 10.1.0.2');
    await host.ip('link del eth1');
    await follower.untilText('eth0 10.0.0.2');
  });

  test('takes a multipath default route, and both families together', async () => {
    await plug('eth0', '10.0.0.2/24', 'fd00::2/64');
    await plug('eth1', '10.1.0.2/24');
    await host.ip('route add default nexthop via 10.0.0.1 dev eth0 nexthop via 10.1.0.1 dev eth1');
    await host.ip('-6 route add default via fd00::1');
    const follower = new Follower(netlink, { families: ['ipv4', 'ipv6'] });
    await follower.untilText('eth0 10.0.0.2 fd00::2');
    expect(follower.states).toHaveLength(1);
  });

  test('follows address, MTU, carrier, and an interface that is made again', async () => {
    await plug('eth0', '10.0.0.2/24');
    const follower = new Follower(netlink, { ...V4, iface: ['eth0'] });
    await follower.untilText('eth0 10.0.0.2');
    const first = follower.last?.host?.interface;
    expect(first).toMatchObject({ mtu: 1500, broadcast: true });
    await follower.until('a carrier', ({ host: now }) => now?.interface.running === true);

    await host.ip('link set eth0 mtu 1400');
    await follower.until('the MTU', ({ host: now }) => now?.interface.mtu === 1400);

    await host.ip('link set eth0-far down');
    await follower.until('no carrier', ({ host: now }) => now?.interface.running === false);
    expect(follower.text).toBe('eth0 10.0.0.2');
    await host.ip('link set eth0-far up');
    await follower.until('a carrier again', ({ host: now }) => now?.interface.running === true);

    await host.ip('addr add 10.0.0.3/24 dev eth0');
    await host.ip('addr del 10.0.0.2/24 dev eth0');
    // deleting a primary address deletes its secondaries, unless they are promoted
    await host.ip('addr replace 10.0.0.3/24 dev eth0');
    await follower.untilText('eth0 10.0.0.3');

    await host.ip('link del eth0');
    await follower.untilText('--iface eth0: there is no such interface.');
    await plug('eth0', '10.0.0.3/24');
    await follower.untilText('eth0 10.0.0.3');
    expect(follower.last?.host?.interface.index).not.toBe(first?.index);
  });

  test('waits for duplicate address detection', async () => {
    await host.run('sysctl', '-qw', 'net.ipv6.conf.default.dad_transmits=1');
    await plug('eth0');
    const follower = new Follower(netlink, { families: ['ipv6'], iface: ['fd00::2'] });
    await follower.untilText('--iface fd00::2: no interface has this address.');
    await host.ip('addr add fd00::2/64 dev eth0');
    await follower.untilText('eth0 fd00::2');
    expect(follower.states.some(({ waiting }) => waiting?.includes('still being checked for duplicates'))).toBe(true);
  });

  test('looks up again how an address is reached', async () => {
    await plug('eth0', '10.0.0.2/24');
    await plug('eth1', '10.1.0.2/24', '10.1.0.3/24');
    const follower = new Follower(netlink, { ...V4, ifaceCanReach: '192.0.2.1' });
    await follower.until('no way', ({ waiting }) =>
      /^--iface-can-reach 192\.0\.2\.1: .*ENETUNREACH/.test(waiting ?? ''),
    );
    await host.ip('route add 192.0.2.0/24 via 10.0.0.1');
    await follower.untilText('eth0 10.0.0.2');
    await host.ip('route replace 192.0.2.0/24 via 10.1.0.1 src 10.1.0.3');
    await follower.untilText('eth1 10.1.0.3');
  });

  test('tells each state once, and nothing of what has no bearing', async () => {
    await plug('eth0', '10.0.0.2/24');
    await host.ip('route add default via 10.0.0.1');
    const follower = new Follower(netlink, V4);
    await follower.until('a carrier', ({ host: now }) => now?.interface.running === true);
    const told = follower.states.length;
    for (let pod = 0; pod < 10; pod++) await host.ip(`link add veth${pod} type veth peer name pod${pod}`);
    await host.ip('addr add 10.244.0.1/24 dev veth0');
    await host.ip('link set eth0 mtu 1300');
    await follower.until('the MTU', ({ host: now }) => now?.interface.mtu === 1300);
    expect(follower.states).toHaveLength(told + 1);
  });

  test('options that are wrong are refused at once', () => {
    expect(() => observeHost(netlink, { ...V4, iface: ['a/b'] })).toThrow(
      expect.objectContaining({ code: 'OVERLAY_CONFIG_INVALID', key: '--iface' }),
    );
  });

  test('nothing is done before it is subscribed to', async () => {
    const faulty = new FaultyNetlink(netlink);
    const fault = faulty.failNext('monitor', 'EBUSY');
    observeHost(faulty, V4);
    await new Promise((resolve) => setImmediate(resolve));
    expect(fault.consumed).toBe(false);
  });
});

describe('observeHost when netlink fails', () => {
  const context = { logger: silentLogger, auditMs: 3_600_000 };

  test.each(['EBUSY', 'EAGAIN', 'EINTR', 'ENOBUFS', 'DUMP_INTR', 'closed', 'overflow'] as const)(
    'a reading that ends with %s is repeated',
    async (kind) => {
      await plug('eth0', '10.0.0.2/24');
      const faulty = new FaultyNetlink(netlink);
      const fault = faulty.failNext('dump', kind);
      const follower = new Follower(faulty, { ...V4, iface: ['eth0'] }, context);
      await follower.untilText('eth0 10.0.0.2');
      expect(fault.consumed).toBe(true);
      expect(follower.states[0]?.waiting).toMatch(/^the interfaces of this host cannot be read: .*; trying again$/);
    },
  );

  test('listening that is refused is repeated', async () => {
    await plug('eth0', '10.0.0.2/24');
    const faulty = new FaultyNetlink(netlink);
    const fault = faulty.failNext('monitor', 'EBUSY');
    const follower = new Follower(faulty, { ...V4, iface: ['eth0'] }, context);
    await follower.untilText('eth0 10.0.0.2');
    expect(fault.consumed).toBe(true);
    await host.ip('link set eth0 mtu 1400');
    await follower.until('the MTU', ({ host: now }) => now?.interface.mtu === 1400);
  });

  test.each(['overflow', 'ENOBUFS', 'closed'] as const)('what is lost by %s of the monitor is read', async (kind) => {
    await plug('eth0', '10.0.0.2/24');
    const faulty = new FaultyNetlink(netlink);
    const follower = new Follower(faulty, { ...V4, iface: ['eth0'] }, context);
    await follower.until('a carrier', ({ host: now }) => now?.interface.running === true);
    const fault = faulty.failNext('monitor', kind);
    await host.ip('link set eth0 mtu 1400');
    await follower.until('the MTU', ({ host: now }) => now?.interface.mtu === 1400);
    expect(fault.consumed).toBe(true);
    await host.ip('link set eth0 mtu 1300');
    await follower.until('the next MTU', ({ host: now }) => now?.interface.mtu === 1300);
  });

  test('once chosen, the host stays while it cannot be read', async () => {
    await plug('eth0', '10.0.0.2/24');
    const faulty = new FaultyNetlink(netlink);
    const follower = new Follower(faulty, { ...V4, iface: ['eth0'] }, context);
    await follower.until('a carrier', ({ host: now }) => now?.interface.running === true);
    const faults = [faulty.failNext('dump', 'EBUSY'), faulty.failNext('dump', 'EBUSY')];
    await host.ip('link set eth0 mtu 1400');
    await follower.until('the MTU', ({ host: now }) => now?.interface.mtu === 1400);
    expect(faults.map(({ consumed }) => consumed)).toEqual([true, true]);
    expect(follower.states.filter(({ waiting }) => waiting !== undefined)).toEqual([]);
  });

  test('the audit finds what no notification told', async () => {
    await plug('eth0', '10.0.0.2/24');
    const deaf: NetlinkPort = {
      send: (messages, options) => netlink.send(messages, options),
      query: (message, options) => netlink.query(message, options),
      dump: (message, each, options) => netlink.dump(message, each, options),
      monitor: (options) => netlink.monitor({ ...options, onMessage: () => undefined }),
      close: () => netlink.close(),
    };
    const follower = new Follower(deaf, { ...V4, iface: ['eth0'] }, { auditMs: 200 });
    await follower.untilText('eth0 10.0.0.2');
    await host.ip('link set eth0 mtu 1400');
    await follower.until('the MTU', ({ host: now }) => now?.interface.mtu === 1400);
  });
});
