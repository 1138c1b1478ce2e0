import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { udpLease } from '@overlay/backend-udp';
import type { DropReason } from '@overlay/backend-udp';
import type { Lease } from '@overlay/core';
import { until } from '@overlay/core/testing';
import { echoRequest, emptyPacket } from './support/packets.js';
import type { UdpEnd } from './support/udp-hosts.js';
import { UdpHosts, program } from './support/udp-hosts.js';

const FAMILIES = ['ipv4', 'ipv6'] as const;
/** The MTU of the pods' network: 1500 less 48. */
const MTU = 1452;
const HEADERS = { ipv4: 28, ipv6: 48 } as const;
/** A subnet of nobody, and an address in it. */
const NOWHERE = { ipv4: ['10.244.77.0/24', '10.244.77.1'], ipv6: ['fd44:0:0:77::/64', 'fd44:0:0:77::1'] } as const;
/** Enough for an answer on a busy machine. */
const PATIENCE_S = '5';

describe.each(['kernel', 'user'] as const)('the %s path', (dataPath) => {
  let pair: UdpHosts;
  let near: UdpEnd;
  let far: UdpEnd;
  beforeAll(async () => {
    pair = await UdpHosts.create({ families: FAMILIES, dataPath });
    [near, far] = pair.ends;
  }, 60_000);
  afterAll(() => pair[Symbol.asyncDispose](), 30_000);

  const dropped = (end: UdpEnd, reason: DropReason): number => end.counters.drops[reason] ?? 0;
  /** What ping says to one echo request of a pod. */
  const ping = async (...argv: readonly string[]): Promise<string> =>
    (await near.pod.exec(['ping', '-n', '-c', '1', ...argv], { check: false })).stdout;
  /** A pod with a larger MTU than the network's, as one from before it was lowered. */
  const enlargePod = async (): Promise<void> => {
    const { stdout } = await near.exec('ip -j link show master cni0');
    const ports = (JSON.parse(stdout) as { readonly ifname: string }[]).map(({ ifname }) => ifname);
    for (const name of [...ports, 'cni0']) await near.exec(`ip link set ${name} mtu 1500`);
    await near.pod.exec('ip link set eth0 mtu 1500'.split(' '));
  };
  const addressOf = ({ pod }: UdpEnd, family: 'ipv4' | 'ipv6'): string => pod.addresses[family] ?? '';

  test.each(FAMILIES)('carries what is as large as the MTU and may not be cut, %s', async (family) => {
    const argv = ['-M', 'do', '-W', PATIENCE_S, '-s', String(MTU - HEADERS[family]), addressOf(far, family)];
    await until('it comes back', async () => (await ping(...argv)).includes('1 received'));
  });

  test.each([
    { family: 'ipv4', error: `From 10.244.1.1 icmp_seq=1 Frag needed and DF set (mtu = ${MTU})` },
    { family: 'ipv6', error: `From fd44:0:0:1::1 icmp_seq=1 Packet too big: mtu=${MTU}` },
  ] as const)('has the sender of what is larger told the MTU, $family', async ({ family, error }) => {
    await enlargePod();
    const size = String(1500 - HEADERS[family]);
    expect(await ping('-M', 'do', '-W', PATIENCE_S, '-s', size, addressOf(far, family))).toContain(error);
  });

  // A route may say that more goes through a device than it takes; the kernel then leaves it to the device.
  const oversized = [
    { family: 'ipv4', to: '10.244.2.77', error: `From 10.244.1.0 icmp_seq=1 Frag needed and DF set (mtu = ${MTU})` },
    { family: 'ipv6', to: 'fd44:0:0:2::77', error: `From fd44:0:0:1:: icmp_seq=1 Packet too big: mtu=${MTU}` },
  ] as const;
  if (dataPath === 'user') {
    test.each(oversized)('tells the MTU itself where the kernel does not, $family', async ({ family, to, error }) => {
      await enlargePod();
      const before = dropped(near, 'too-large');
      await near.exec(`ip route add ${to} dev flannel0 mtu lock 1500`);
      const size = String(1500 - HEADERS[family]);
      expect(await ping('-M', 'do', '-W', PATIENCE_S, '-s', size, to)).toContain(error);
      expect(dropped(near, 'too-large') - before).toBe(1);
      await near.exec(`ip route del ${to} dev flannel0`);
    });
  }

  // The user path is a hop of its own, as flanneld is.
  test.each([
    { family: 'ipv4', from: { kernel: '10.244.2.0', user: '10.244.1.0' }, says: 'Time to live exceeded' },
    { family: 'ipv6', from: { kernel: 'fd44:0:0:2::', user: 'fd44:0:0:1::' }, says: 'Time exceeded: Hop limit' },
  ] as const)('has the sender told of hops that are used up, $family', async ({ family, from, says }) => {
    const before = dropped(near, 'ttl-expired');
    const answer = `From ${from[dataPath]} icmp_seq=1 ${says}`;
    await until('it is told', async () =>
      (await ping('-t', '2', '-W', PATIENCE_S, addressOf(far, family))).includes(answer),
    );
    const counted = dropped(near, 'ttl-expired') - before;
    if (dataPath === 'user') expect(counted).toBeGreaterThan(0);
    else expect(counted).toBe(0);
  });

  test.each([
    { family: 'ipv4', says: 'From 10.244.1.0 icmp_seq=1 Destination Net Unreachable' },
    { family: 'ipv6', says: 'From fd44:0:0:1:: icmp_seq=1 Destination unreachable: No route' },
  ] as const)('counts what is for nobody, and sends it nowhere, $family', async ({ family, says }) => {
    const [subnet, address] = NOWHERE[family];
    const before = dropped(near, 'unknown-destination');
    await near.exec(`ip route add ${subnet} dev flannel0`);
    await using capture = await pair.lab.capture(near.host, 'eth0', `host ${address} or udp port 8285`);
    const answer = await ping('-W', dataPath === 'user' ? PATIENCE_S : '0.1', address);
    // Programs in the kernel make no packets of their own.
    if (dataPath === 'user') expect(answer).toContain(says);
    await until('it is counted', () => dropped(near, 'unknown-destination') > before);
    expect(dropped(near, 'unknown-destination') - before).toBe(1);
    expect(await capture.text()).toBe('');
    await near.exec(`ip route del ${subnet} dev flannel0`);
  });

  test.each(FAMILIES)(
    'takes a datagram that the underlay has cut only where sockets put it together, %s',
    async (family) => {
      const [from, to] = [near.pod.addresses[family], far.pod.addresses[family]];
      if (from === undefined || to === undefined) throw new Error(`no ${family}`);
      const before = far.counters;
      const packet = (family === 'ipv4' ? echoRequest : emptyPacket)(from, to, { payload: 4000 }).toString('hex');
      await near.host.exec(program('send-datagrams', far.host.addresses[family] ?? '', 8285, 3, packet));
      const [received, cut] = dataPath === 'user' ? [3, 0] : [0, 3];
      await until('all are counted', () => {
        const now = far.counters.received.packets - before.received.packets;
        return now === received && dropped(far, 'too-large') - (before.drops['too-large'] ?? 0) === cut;
      });
    },
  );

  describe('and circles', () => {
    /** A subnet, and who is said to have it. */
    const lost = ({ host }: UdpEnd): Lease =>
      udpLease({ hostId: 'lost', subnets: ['10.244.9.0/24'], publicIPs: [host.addresses.ipv4 ?? ''] });
    const peers = (end: UdpEnd, of: UdpEnd): Lease[] => [(end === near ? far : near).lease, lost(of)];
    const sent = (): number => near.counters.sent.packets + far.counters.sent.packets;
    /** That the subnet's packets have come to rest: what passes between the hosts is only what is asked for. */
    const rests = async (): Promise<void> => {
      const before = sent();
      await until('the pods reach each other', async () => (await pair.ping(1)) === 1);
      expect(sent() - before).toBeLessThan(20);
    };

    test('a peer with this host’s own address gets nothing, and is named', async () => {
      near.network?.apply({ type: 'snapshot', leases: peers(near, near) });
      await until('it is named', () =>
        near.status.problems.some(({ message }) => /this host's own address/.test(message)),
      );
      expect((await near.exec('ip route show 10.244.9.0/24')).stdout).toBe('');
      near.network?.apply({ type: 'snapshot', leases: [far.lease] });
      await near.network?.settled({ signal: AbortSignal.timeout(60_000) });
    });

    test.each(['enforce', 'count', 'off'])(
      'two hosts that hold each other for its owner end it, Filter %s',
      async (Filter) => {
        for (const end of pair.ends) {
          await end.close();
          await end.reopen(peers(end, end === near ? far : near), { Filter });
        }
        const [before, wrong] = [sent(), dropped(far, 'wrong-destination')];
        await ping('-W', '0.1', '10.244.9.1');
        if (Filter === 'enforce') {
          await until('it is dropped', () => dropped(far, 'wrong-destination') === wrong + 1);
          expect(sent() - before).toBe(1);
        } else {
          // 64 hops at most, and what the kernel has to say of them.
          await until('it has gone round', () => sent() - before > 10);
          expect(sent() - before).toBeLessThan(150);
        }
        await rests();
      },
    );
  });
});
