import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Address } from '@overlay/core';
import type { LabPod } from '@overlay/lab';
import { compareEchoes, serveEcho } from './support/echo-service.js';
import type { UdpEnd } from './support/udp-hosts.js';
import { UdpHosts } from './support/udp-hosts.js';

/** Programs of classic BPF: one that no packet matches, and one that takes every packet and lets it pass. */
const NONE = '1,6 0 0 0';
const ALL = '1,6 0 0 4294967295';
/** What those say that decide themselves (`da`): go on to the next one, or that is all (TC_ACT_UNSPEC, TC_ACT_OK). */
const GO_ON = '1,6 0 0 4294967295';
const PASS = '1,6 0 0 0';
/** Before ours, and after them. */
const [FIRST, LAST] = [1, 60];

let pair: UdpHosts;
let near: UdpEnd;
let far: UdpEnd;

async function open(dataPath: 'kernel' | 'user'): Promise<void> {
  pair = await UdpHosts.create({ dataPath });
  [near, far] = pair.ends;
  await serveEcho(pair.lab, far.pod, to());
  await pair.reached();
}

function to(): Address {
  const address = far.pod.addresses.ipv4;
  if (address === undefined) throw new Error('no address');
  return address;
}

/** Has a program of classic BPF decide what becomes of packets on a device. */
async function add(end: UdpEnd, device: string, direction: string, priority: number, code: string): Promise<void> {
  const line = `tc filter add dev ${device} ${direction} prio ${priority} handle 0x1 bpf da bytecode`;
  await end.host.exec([...line.split(' '), code]);
}

afterEach(() => pair[Symbol.asyncDispose](), 30_000);

describe.each(['kernel', 'user'] as const)('the %s path among others', (path) => {
  beforeEach(() => open(path), 60_000);

  /** The inner source of echo requests, as the far pod sees them. */
  async function seenBy(pod: LabPod, action: () => Promise<unknown>): Promise<string> {
    await using capture = await pair.lab.capture(pod, 'eth0', 'icmp[icmptype] == icmp-echo');
    await action();
    return /IP ([\d.]+) >/.exec(await capture.until(/IP [\d.]+ >/))?.[1] ?? '';
  }

  test('the host itself reaches pods, with the address of its tunnel device', async () => {
    const to = far.pod.addresses.ipv4 ?? '';
    const { stdout } = await near.exec(`ping -c 3 -i 0.01 -W 1 ${to}`);
    expect(stdout).toContain('3 received');
    expect(await seenBy(far.pod, () => near.exec(`ping -c 1 -W 1 ${to}`, { check: false }))).toBe('10.244.1.0');
  });

  test('a packet that is masqueraded and marked, as for a service, comes with the host’s overlay address', async () => {
    const rules = [
      'add table ip t',
      'add chain ip t pre { type filter hook prerouting priority -150; }',
      'add rule ip t pre iifname cni0 ip protocol icmp meta mark set 0x4000',
      'add chain ip t post { type nat hook postrouting priority 100; }',
      'add rule ip t post meta mark 0x4000 masquerade',
    ];
    await near.host.exec(['nft', rules.join('; ')]);
    // A rule for the mark that would lead the datagram astray.
    await near.exec('ip rule add fwmark 0x4000 table 99');
    await near.exec('ip route add blackhole default table 99');
    await near.exec('ip route add 10.244.2.0/24 dev flannel0 table 99');
    await pair.reached();
    expect(await seenBy(far.pod, () => pair.ping(1))).toBe('10.244.1.0');
  });

  test.each(['tcp', 'udp'] as const)('a service’s address leads to a pod of another host, %s', async (protocol) => {
    const service = '10.96.0.10' as Address;
    const rules = [
      'add table ip t',
      'add chain ip t pre { type nat hook prerouting priority -100; }',
      `add rule ip t pre ip daddr ${service} meta mark set 0x4000 dnat to ${to()}`,
      'add chain ip t post { type nat hook postrouting priority 100; }',
      'add rule ip t post meta mark 0x4000 masquerade',
    ];
    await near.host.exec(['nft', rules.join('; ')]);
    expect(await compareEchoes(near.pod, protocol, service, { from: 1, to: 2001, step: 100 })).toBe(21);
    if (protocol === 'udp') return;
    expect(await compareEchoes(near.pod, protocol, service, { from: 1 << 20, to: (1 << 20) + 3 })).toBe(4);
  });

  test('a rule that masquerades what leaves by eth0 does not touch pods', async () => {
    await near.host.exec([
      'nft',
      'add table ip t; add chain ip t post { type nat hook postrouting priority 100; }; add rule ip t post oifname "eth0" masquerade',
    ]);
    await pair.reached();
    expect(await seenBy(far.pod, () => pair.ping(1))).toBe(near.pod.addresses.ipv4);
  });

  test('strict reverse path filters let everything pass', async () => {
    for (const end of pair.ends) {
      for (const device of ['all', 'eth0', 'flannel0', ...(path === 'kernel' ? ['flannel0-in'] : [])]) {
        await end.exec(`sysctl -qw net.ipv4.conf.${device}.rp_filter=1`);
      }
    }
    await pair.reached();
    await pair.reached('-s', '4000');
  });

  test('programs of others before and after ours on all devices let everything pass', async () => {
    for (const end of pair.ends) {
      for (const device of ['eth0', 'flannel0']) {
        // With the kernel path it is there.
        await end.exec(`tc qdisc add dev ${device} clsact`, { check: false });
        for (const direction of ['ingress', 'egress']) {
          await add(end, device, direction, FIRST, GO_ON);
          await add(end, device, direction, LAST, PASS);
        }
      }
    }
    await pair.reached();
    expect(await compareEchoes(near.pod, 'tcp', to(), { from: 1, to: 200_001, step: 10_000 })).toBe(21);
  });

  test('queues that are put on the devices and deleted under traffic stop none of it', async () => {
    await using bare = await pair.lab.capture(near.host, 'eth0', 'net 10.244.0.0/16 and not arp');
    let changing = true;
    const traffic = (async (): Promise<number> => {
      let compared = 0;
      while (changing)
        compared += await compareEchoes(near.pod, 'tcp', to(), { from: 100_000, to: 500_000, step: 100_000 });
      return compared;
    })();
    for (let round = 0; round < 3; round += 1) {
      for (const device of ['eth0', 'flannel0']) {
        for (const qdisc of ['root', 'clsact']) {
          await near.exec(`tc qdisc replace dev ${device} ${qdisc === 'root' ? 'root pfifo limit 500' : qdisc}`);
          await near.exec(`tc qdisc del dev ${device} ${qdisc}`);
        }
      }
    }
    changing = false;
    expect(await traffic).toBeGreaterThanOrEqual(5);
    await pair.reached();
    expect(await bare.text()).toBe('');
  });

  test('packets with options, without fragments, of the full size and one byte more', async () => {
    await pair.reached('-T', 'tsonly');
    await pair.reached('-M', 'do', '-s', String(1472 - 28));
    expect(await pair.ping(3, '-M', 'do', '-s', String(1472 - 27))).toBe(0);
    await pair.reached('-s', '6000');
  });
});

describe('the programs of the kernel path', () => {
  beforeEach(() => open('kernel'), 60_000);

  test('give way to one that ends the matter before them, and are there again without it', async () => {
    await using bare = await pair.lab.capture(near.host, 'eth0', 'net 10.244.0.0/16 and not arp');
    await add(far, 'eth0', 'ingress', FIRST, PASS);
    expect(await pair.ping(1)).toBe(0);
    await far.exec(`tc filter del dev eth0 ingress prio ${FIRST}`);
    await pair.reached();
    expect(await bare.text()).toBe('');
  }, 60_000);

  test('leave those of others on the interface alone, and take the qdisc away only if nobody else uses it', async () => {
    const own = async (): Promise<string> => (await far.exec('tc filter show dev eth0 ingress')).stdout;
    expect(await own()).toMatch(/overlay:default \(with its qdisc\)/);
    const add = 'tc filter add dev eth0 ingress prio 1 handle 0x1 bpf bytecode'.split(' ');
    await far.host.exec([...add, NONE]);
    await far.host.exec([...'tc filter add dev eth0 ingress prio 10 handle 0x1 bpf bytecode'.split(' '), ALL]);
    await pair.reached();
    await far.close({ remove: true });
    const left = await own();
    expect(left).toContain('pref 1 ');
    expect(left).not.toContain('overlay');
    // The other way round: its priority is free, and the qdisc is not ours.
    await far.host.exec([...'tc filter add dev eth0 ingress prio 4 handle 0x1 bpf bytecode'.split(' '), NONE]);
    await far.reopen([near.lease]);
    expect(await own()).toMatch(/pref 3 .*overlay:default/);
    await pair.reached();
    await far.close({ remove: true });
    expect(await own()).toMatch(/pref 1 [^]*pref 4 [^]*pref 10 /);
    for (const priority of [1, 4, 10]) await far.exec(`tc filter del dev eth0 ingress prio ${priority}`);
    expect((await far.exec('tc qdisc show dev eth0 clsact')).stdout).toContain('clsact');
    await far.exec('tc qdisc del dev eth0 clsact');
    await far.reopen([near.lease]);
    await far.close({ remove: true });
    expect((await far.exec('tc qdisc show dev eth0')).stdout).not.toContain('clsact');
  }, 60_000);
});
