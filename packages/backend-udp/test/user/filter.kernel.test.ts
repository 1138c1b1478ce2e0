import { afterEach, describe, expect, test } from '@jest/globals';
import type { UdpCounters } from '@overlay/backend-udp';
import type { LabHost } from '@overlay/lab';
import { innerPacket } from '../support/inner-packet.js';
import { UdpHosts } from '../support/udp-hosts.js';
import { program } from '../support/udp-pair.js';

const POD = '10.244.1.2';
const PEER_POD = '10.244.2.2';
const WAIT_MS = 15_000;

let hosts: UdpHosts;
afterEach(() => hosts[Symbol.asyncDispose]());

/** Sends bytes by UDP to the first host's tunnel, from whichever port. */
async function send(from: LabHost, payloads: readonly Buffer[]): Promise<void> {
  const to = hosts.hosts[0].host.addresses.ipv4 ?? '';
  await from.exec(program('send-datagrams', to, 8285, 1, ...payloads.map((payload) => payload.toString('hex'))));
}

function counters(): UdpCounters {
  return hosts.hosts[0].network.status().dataPath.counters;
}

async function counted(done: (counters: UdpCounters) => boolean): Promise<UdpCounters> {
  for (const end = Date.now() + WAIT_MS; !done(counters()) && Date.now() < end;) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return counters();
}

/** Two hosts that know each other, and a third that nobody knows. */
async function create(filter: 'enforce' | 'count' | 'off'): Promise<{ peer: LabHost; stranger: LabHost }> {
  hosts = await UdpHosts.create({ hosts: [{ filter }, {}, {}], families: ['ipv4'] });
  const [one, two, three] = hosts.hosts;
  await hosts.tell(one, { type: 'snapshot', leases: [two.lease] });
  return { peer: two.host, stranger: three.host };
}

const good = innerPacket({ from: PEER_POD, to: POD });

describe('what comes to the user path from outside', () => {
  test('is taken only from where it says, for where it says, and each drop is counted', async () => {
    const { peer, stranger } = await create('enforce');
    const before = counters();
    await send(peer, [good, Buffer.concat([good, Buffer.alloc(7)])]);
    // The host itself, which a pod has asked by that address.
    await send(peer, [innerPacket({ from: '192.168.77.12', to: POD })]);
    await send(peer, [innerPacket({ from: '10.244.3.2', to: POD }), innerPacket({ from: '10.244.1.3', to: POD })]);
    await send(peer, [innerPacket({ from: '127.0.0.1', to: POD }), innerPacket({ from: '192.168.77.11', to: POD })]);
    await send(peer, [
      innerPacket({ from: PEER_POD, to: '10.244.3.2' }),
      innerPacket({ from: PEER_POD, to: '224.0.0.1' }),
    ]);
    await send(stranger, [good, innerPacket({ from: '10.244.9.2', to: POD })]);
    const after = await counted(({ drops }) => drops['unknown-sender'] === 2);
    expect(after.received.packets - before.received.packets).toBe(3);
    expect(after.drops).toEqual({ ...before.drops, 'wrong-source': 4, 'wrong-destination': 2, 'unknown-sender': 2 });
    const { findings } = hosts.hosts[0].network.status().dataPath;
    expect(findings).toEqual([
      expect.objectContaining({
        check: 'udp-sender',
        message: 'packets of 10.244.2.0/24 come from 192.168.77.13, an address that its host does not publish',
      }),
    ]);
  }, 120_000);

  test('is not believed about its lengths', async () => {
    const { peer } = await create('enforce');
    const altered = (at: number, value: number): Buffer => {
      const copy = Buffer.from(good);
      copy[at] = value;
      return copy;
    };
    const lies = [
      good.subarray(0, 1),
      good.subarray(0, 19),
      good.subarray(0, 30),
      altered(0, 0x55),
      altered(0, 0x43),
      altered(0, 0x4f),
      altered(2, 0xff),
      altered(3, 19),
      altered(0, 0x65),
      Buffer.from('ff'.repeat(1400), 'hex'),
    ];
    await send(peer, [...lies, Buffer.alloc(0), good]);
    const { drops, received } = await counted((now) => now.received.packets === 1);
    expect(drops).toEqual({ malformed: lies.length + 1 });
    expect(received.packets).toBe(1);
  }, 120_000);

  test('is only counted if so wished', async () => {
    const { peer, stranger } = await create('count');
    await send(peer, [innerPacket({ from: '10.244.3.2', to: POD })]);
    await send(stranger, [good]);
    const { drops, passed } = await counted(({ received }) => received.packets === 2);
    expect(drops).toEqual({});
    expect(passed).toEqual({ 'wrong-source': 1, 'unknown-sender': 1 });
  }, 120_000);

  test('from a host that floods it with packets of nobody leaves the others undisturbed', async () => {
    const { peer, stranger } = await create('enforce');
    const flood = Array.from({ length: 500 }, (_, i) => innerPacket({ from: `10.200.${i & 255}.1`, to: POD }));
    await Promise.all([send(stranger, flood), send(peer, [good, good, good])]);
    const { drops, received } = await counted((now) => now.drops['unknown-sender'] === 500);
    expect(drops).toEqual({ 'unknown-sender': 500 });
    expect(received.packets).toBe(3);
  }, 120_000);
});

describe('what the user path cannot send on', () => {
  test('is answered: no route, hops used up', async () => {
    await create('enforce');
    const [{ host }] = hosts.hosts;
    const [pod] = host.pods;
    await host.exec(['ip', 'route', 'add', '10.244.77.0/24', 'dev', 'flannel0']);
    const nowhere = await pod.exec(['ping', '-n', '-c', '1', '-W', '5', '10.244.77.1'], { check: false });
    expect(nowhere.stdout).toContain('From 10.244.1.0 icmp_seq=1 Destination Net Unreachable');
    const expired = await pod.exec(['ping', '-n', '-c', '1', '-W', '5', '-t', '2', PEER_POD], { check: false });
    expect(expired.stdout).toContain('From 10.244.1.0 icmp_seq=1 Time to live exceeded');
    expect(counters().drops).toEqual({ 'unknown-destination': 1, 'ttl-expired': 1 });
  }, 120_000);

  test('is answered over IPv6 too', async () => {
    hosts = await UdpHosts.create({ hosts: [{}, {}], families: ['ipv6'] });
    const [{ host }, { host: other }] = hosts.hosts;
    const [pod] = host.pods;
    const to = other.pods[0].addresses.ipv6 ?? '';
    await host.exec(['ip', '-6', 'route', 'add', 'fd00:10:244:77::/64', 'dev', 'flannel0']);
    const ping = async (...argv: readonly string[]): Promise<string> =>
      (await pod.exec(['ping', '-n', '-c', '1', '-W', '5', ...argv], { check: false })).stdout;
    expect(await ping('fd00:10:244:77::1')).toMatch(/From fd00:10:244:1::.* Destination unreachable: No route/);
    expect(await ping('-t', '2', to)).toMatch(/From fd00:10:244:1::.* Time exceeded: Hop limit/);
    expect(await ping(to)).toContain('1 received');
    expect(counters().drops).toEqual({ 'unknown-destination': 1, 'ttl-expired': 1 });
  }, 120_000);

  test.each([
    { family: 'ipv4', headers: 28, error: 'From 10.244.1.1 icmp_seq=1 Frag needed and DF set (mtu = 1472)' },
    { family: 'ipv6', headers: 48, error: 'From fd00:10:244:1::1 icmp_seq=1 Packet too big: mtu=1452' },
  ] as const)(
    'is answered by the kernel if it is too large, with the MTU, $family',
    async ({ family, headers, error }) => {
      hosts = await UdpHosts.create({ hosts: [{}, {}], families: [family] });
      const [{ host }, { host: other }] = hosts.hosts;
      const [pod] = host.pods;
      // A pod with a larger MTU than the network's, as one from before it was lowered.
      const { stdout } = await host.exec(['ip', '-j', 'link', 'show', 'master', 'cni0']);
      const ports = (JSON.parse(stdout) as { readonly ifname: string }[]).map(({ ifname }) => ifname);
      for (const name of [...ports, 'cni0']) await host.exec(['ip', 'link', 'set', name, 'mtu', '1500']);
      await pod.exec(['ip', 'link', 'set', 'eth0', 'mtu', '1500']);
      const ping = async (size: number): Promise<string> => {
        const to = other.pods[0].addresses[family] ?? '';
        const argv = ['ping', '-n', '-c', '1', '-W', '5', '-M', 'do', '-s', String(size - headers), to];
        return (await pod.exec(argv, { check: false })).stdout;
      };
      expect(await ping(1500)).toContain(error);
      expect(await ping(family === 'ipv4' ? 1472 : 1452)).toContain('1 received');
    },
    60_000,
  );
});
