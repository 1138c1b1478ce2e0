import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { LabPod } from '@overlay/lab';
import type { UdpEnd } from './support/udp-pair.js';
import { UdpPair, until } from './support/udp-pair.js';

/** Programs of classic BPF: one that no packet matches, and one that takes every packet and lets it pass. */
const NONE = '1,6 0 0 0';
const ALL = '1,6 0 0 4294967295';

let pair: UdpPair;
let near: UdpEnd;
let far: UdpEnd;

async function open(dataPath: 'kernel' | 'user'): Promise<void> {
  pair = await UdpPair.create({ dataPath });
  [near, far] = pair.ends;
  await until('the pods reach each other', async () => (await pair.ping()) === 3);
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
    expect(await pair.ping()).toBe(3);
    expect(await seenBy(far.pod, () => pair.ping(1))).toBe('10.244.1.0');
  });

  test('a rule that masquerades what leaves by eth0 does not touch pods', async () => {
    await near.host.exec([
      'nft',
      'add table ip t; add chain ip t post { type nat hook postrouting priority 100; }; add rule ip t post oifname "eth0" masquerade',
    ]);
    expect(await pair.ping()).toBe(3);
    expect(await seenBy(far.pod, () => pair.ping(1))).toBe(near.pod.addresses.ipv4);
  });

  test('strict reverse path filters let everything pass', async () => {
    for (const end of pair.ends) {
      for (const device of ['all', 'eth0', 'flannel0', ...(path === 'kernel' ? ['flannel0-in'] : [])]) {
        await end.exec(`sysctl -qw net.ipv4.conf.${device}.rp_filter=1`);
      }
    }
    expect(await pair.ping()).toBe(3);
    expect(await pair.ping(3, '-s', '4000')).toBe(3);
  });

  test('packets with options, without fragments, of the full size and one byte more', async () => {
    expect(await pair.ping(3, '-T', 'tsonly')).toBe(3);
    expect(await pair.ping(3, '-M', 'do', '-s', String(1472 - 28))).toBe(3);
    expect(await pair.ping(3, '-M', 'do', '-s', String(1472 - 27))).toBe(0);
    expect(await pair.ping(3, '-s', '6000')).toBe(3);
  });
});

describe('the programs of the kernel path', () => {
  beforeEach(() => open('kernel'), 60_000);

  test('leave those of others on the interface alone, and take the qdisc away only if nobody else uses it', async () => {
    const own = async (): Promise<string> => (await far.exec('tc filter show dev eth0 ingress')).stdout;
    expect(await own()).toMatch(/overlay:default \(with its qdisc\)/);
    const add = 'tc filter add dev eth0 ingress prio 1 handle 0x1 bpf bytecode'.split(' ');
    await far.host.exec([...add, NONE]);
    await far.host.exec([...'tc filter add dev eth0 ingress prio 10 handle 0x1 bpf bytecode'.split(' '), ALL]);
    expect(await pair.ping()).toBe(3);
    await far.close({ remove: true });
    const left = await own();
    expect(left).toContain('pref 1 ');
    expect(left).not.toContain('overlay');
    // The other way round: its priority is free, and the qdisc is not ours.
    await far.host.exec([...'tc filter add dev eth0 ingress prio 4 handle 0x1 bpf bytecode'.split(' '), NONE]);
    await far.reopen([near.lease]);
    expect(await own()).toMatch(/pref 3 .*overlay:default/);
    await until('the pods reach each other', async () => (await pair.ping()) === 3);
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
