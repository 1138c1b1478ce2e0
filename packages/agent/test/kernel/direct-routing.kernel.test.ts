import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createLab } from '@overlay/lab';
import type { Lab, LabHost, LabPod } from '@overlay/lab';
import { until } from '../support/until.js';

const OVERLAYD = fileURLToPath(new URL('../../bin/overlayd.cjs', import.meta.url));
const VXLAN_PORT = 8472;
const DIRECT_MS = 15_000;
/** An outer packet; tcpdump prints the inner one on a line of its own, without a time. */
const TUNNELLED = /^\d[\d:.]* IP 192\.168\.\S+ > 192\.168\.\S+\.8472: /m;
/** A pod's packet as it is. */
const BARE = /^\d[\d:.]* IP 10\.244\.\S+ > 10\.244\.\S+: ICMP echo request/m;

let lab: Lab;

beforeEach(async () => {
  lab = await createLab({ name: `ovt-${process.pid}-direct`, hosts: 3, underlay: 'routed', pods: 1 });
});

afterEach(async () => {
  await lab.close();
});

async function start(backend: object): Promise<void> {
  const netConf = join(lab.directory, 'net-conf.json');
  writeFileSync(netConf, JSON.stringify({ Network: '10.244.0.0/16', Backend: backend }));
  lab.startAgents({
    program: [process.execPath, OVERLAYD],
    healthPort: 8081,
    args: (host) => [
      `--local-store=${join(lab.directory, 'store')}`,
      `--net-config-path=${netConf}`,
      `--subnet-file=${host.subnetFile}`,
      `--host-id=${host.name}`,
      `--run-dir=${join(host.directory, 'control')}`,
      `--state-dir=${join(host.directory, 'state')}`,
      '--healthz-ip=127.0.0.1',
      '--healthz-port=8081',
      '--iface=eth0',
    ],
  });
  await lab.waitReady();
  for (const host of lab.hosts) await lab.addPods(host);
}

/** What crosses the first host's interface while its pod pings another one. */
async function seenOnTheWire(from: LabPod, to: LabPod): Promise<string> {
  const [host] = lab.hosts;
  if (!host) throw new Error('the lab has no host');
  const capture = await lab.capture(host, 'eth0', `icmp or udp port ${VXLAN_PORT}`);
  await from.exec(['ping', '-c', '2', '-i', '0.2', '-W', '2', String(to.addresses.ipv4)]);
  const text = await capture.until(/echo reply/);
  await capture.stop();
  return text;
}

test('with DirectRouting a host of the same subnet is reached without the tunnel, another one through it', async () => {
  await start({ Type: 'vxlan', DirectRouting: true });
  const [first, second, third] = lab.pods as [LabPod, LabPod, LabPod];
  // Until the neighbour has answered, packets go through the tunnel; they arrive all the same.
  const [host, neighbour] = lab.hosts as [LabHost, LabHost];
  // Each finds out for itself; packets arrive meanwhile, through the tunnel.
  const directRoute = async (of: LabHost): Promise<string | false> => {
    const { stdout } = await of.exec(['ip', 'route', 'show', 'proto', '111']);
    return stdout.includes('dev eth0') && stdout;
  };
  const routes = await until(() => directRoute(host), 'the neighbour has answered', DIRECT_MS);
  await until(() => directRoute(neighbour), 'the host has answered its neighbour', DIRECT_MS);
  expect(routes).toContain(`via ${neighbour.addresses.ipv4} dev eth0`);
  expect(routes).toMatch(/dev flannel\.1 metric \d+ onlink/);

  const direct = await seenOnTheWire(first, second);
  expect(direct).toMatch(BARE);
  expect(direct).not.toMatch(TUNNELLED);

  const tunnelled = await seenOnTheWire(first, third);
  expect(tunnelled).toMatch(TUNNELLED);
  expect(tunnelled).not.toMatch(BARE);
}, 90_000);

test('without DirectRouting nothing leaves outside the tunnel', async () => {
  await start({ Type: 'vxlan' });
  const [first, second] = lab.pods as [LabPod, LabPod];
  const seen = await seenOnTheWire(first, second);
  expect(seen).toMatch(TUNNELLED);
  expect(seen).not.toMatch(BARE);
}, 60_000);
