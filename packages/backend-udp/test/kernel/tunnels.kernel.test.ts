import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { program, UdpPair } from '../support/udp-pair.js';

const PORT = 7000;
const BULK = 16 << 20;
const SINGLE = 'tso off gso off tx-udp-segmentation off tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off';

test('a tunnel that pods have among themselves carries a long stream byte for byte on any wire', async () => {
  await using pair = await UdpPair.create();
  const [near, far] = pair.ends;
  for (const [end, other, number] of [[near, far, 1] as const, [far, near, 2] as const]) {
    const to = `local ${end.pod.addresses.ipv4 ?? ''} remote ${other.pod.addresses.ipv4 ?? ''}`;
    await end.pod.exec(`ip link add vx0 type vxlan id 5 dstport 4789 ${to}`.split(' '));
    await end.pod.exec(`ip addr add 192.168.9.${number}/24 dev vx0`.split(' '));
    await end.pod.exec('ip link set vx0 mtu 1422 up'.split(' '));
  }
  const argv = program('echo-server', '192.168.9.2', PORT);
  const server = spawn('ip', ['netns', 'exec', far.pod.netns, ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(server.stdout, 'data');
    const bulk = async (): Promise<number> =>
      Number(
        (await near.pod.exec(['timeout', '30', ...program('echo-client', '192.168.9.2', PORT, 'bulk', BULK)])).stdout,
      );
    expect(await bulk()).toBe(BULK);
    for (const end of pair.ends) await end.exec(`ethtool -K eth0 ${SINGLE} gro on`);
    expect(await bulk()).toBe(BULK);
    for (const { counters } of pair.ends) {
      expect({ ...counters.drops, 'unknown-destination': 0 }).toEqual({ 'unknown-destination': 0 });
    }
  } finally {
    server.kill('SIGKILL');
  }
}, 90_000);
