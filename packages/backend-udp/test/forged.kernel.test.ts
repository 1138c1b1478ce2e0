// What docs/udp.md says of pods that send datagrams in their host's name, and of the rule against it.
import { expect, test } from '@jest/globals';
import type { Address } from '@overlay/core';
import { until } from '@overlay/core/testing';
import { echoRequest } from './support/packets.js';
import { program, UdpHosts } from './support/udp-hosts.js';

/** An address of the sender's host's pods, of none that is there. */
const FORGED = '10.244.1.77' as Address;
const MASQUERADE = [
  'add table ip t',
  'add chain ip t post { type nat hook postrouting priority 100; }',
  'add rule ip t post ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade',
];
const GUARD = [
  'add table inet overlay-guard',
  'add chain inet overlay-guard forward { type filter hook forward priority -10; }',
  'add rule inet overlay-guard forward ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 udp dport 8285 counter drop',
];

test.each(['kernel', 'user'] as const)(
  'a pod’s datagrams in its host’s name are refused by a rule for what is forwarded, and the overlay’s are not, %s',
  async (dataPath) => {
    await using pair = await UdpHosts.create({ dataPath });
    const [near, far] = pair.ends;
    const [to, host] = [far.pod.addresses.ipv4, far.host.addresses.ipv4];
    if (to === undefined || host === undefined) throw new Error('no address');
    await near.host.exec(['nft', MASQUERADE.join('; ')]);
    await pair.reached();
    await using capture = await pair.lab.capture(far.pod, 'eth0', `src ${FORGED}`);
    const forge = (): Promise<unknown> =>
      near.pod.exec(program('send-datagrams', host, 8285, 1, echoRequest(FORGED, to).toString('hex')));
    await forge();
    await capture.until(/echo request/);
    await near.host.exec(['nft', GUARD.join('; ')]);
    const before = far.counters;
    await forge();
    await until('it is refused', async () =>
      (await near.exec('nft list table inet overlay-guard')).stdout.includes('counter packets 1 '),
    );
    await pair.reached();
    expect((await capture.text()).match(/echo request/g)).toHaveLength(1);
    expect(far.counters.drops).toEqual(before.drops);
  },
  60_000,
);
