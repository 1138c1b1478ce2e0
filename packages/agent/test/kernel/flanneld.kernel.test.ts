import { describe, expect, test } from '@jest/globals';
import type { Prefix } from '@overlay/core';
import type { LabHost, LabPod } from '@overlay/lab';
import type { FlannelPeer } from '../support/flannel-shapes.js';
import { makeFlannelHostGw, makeFlannelVxlan } from '../support/flannel-shapes.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { run } from '../support/program.js';
import { SteadyPing } from '../support/steady-ping.js';
import { until } from '../support/until.js';

const MACS = ['c6:d2:32:6f:8f:01', 'c6:d2:32:6f:8f:02'];

/** The two hosts as flanneld knows them. */
function peersOf(overlay: OverlayLab): FlannelPeer[] {
  return MACS.map((mac, place) => ({
    gateway: `10.244.${place + 1}.0`,
    subnet: `10.244.${place + 1}.0/24`,
    publicIP: String(overlay.host(place).addresses.ipv4),
    mac,
  }));
}

/** Both hosts as two flannelds leave them, with a pod each, and their leases in the store in flannel's form. */
async function flannelHosts(overlay: OverlayLab, type: string): Promise<{ from: LabPod; to: LabPod }> {
  const peers = peersOf(overlay);
  const pods: LabPod[] = [];
  for (const [place, own] of peers.entries()) {
    const host = overlay.host(place);
    const others = peers.filter((peer) => peer !== own);
    if (type === 'vxlan') await makeFlannelVxlan(host, own, others);
    else await makeFlannelHostGw(host, others);
    const network = {
      subnets: { ipv4: own.subnet as Prefix },
      networks: { ipv4: ['10.244.0.0/16' as Prefix] },
      mtu: type === 'vxlan' ? 1450 : 1500,
    };
    pods.push(...(await host.addPods(1, { network })));
    const data = type === 'vxlan' ? { BackendData: { VNI: 1, VtepMAC: own.mac } } : {};
    overlay.putLease(`10.244.${place + 1}.0-24`, {
      PublicIP: own.publicIP,
      PublicIPv6: null,
      BackendType: type,
      ...data,
    });
  }
  const [from, to] = pods;
  if (from === undefined || to === undefined) throw new Error('two hosts have two pods');
  return { from, to };
}

/** The shape of a host's objects to compare with what flanneld makes. */
async function shapes(overlay: OverlayLab, host: LabHost): Promise<readonly string[]> {
  const { stdout } = await host.exec(['ip', '-d', '-o', 'link', 'show', 'type', 'vxlan']);
  return [...(await overlay.everything(host)).filter((line) => !/ (33:33|01:00:5e):/.test(line)), stdout];
}

describe.each(['vxlan', 'host-gw'])('a host of flanneld with %s', (type) => {
  test('is taken over and handed back without a packet lost', async () => {
    await using overlay = await OverlayLab.create({ hosts: 2, backend: { Type: type } });
    const { from, to } = await flannelHosts(overlay, type);
    const host = overlay.host(0);
    const before = await shapes(overlay, host);
    const [device] = await overlay.objects(host, 'link show type vxlan');
    await using there = await SteadyPing.start(from, to.addresses.ipv4, overlay.file(from, 'there'));
    await using back = await SteadyPing.start(to, from.addresses.ipv4, overlay.file(to, 'back'));

    overlay.start(host);
    await host.waitReady();
    await overlay.settled(host, 1);
    expect((await overlay.status(host))['ownLease']).toMatchObject({ subnets: { ipv4: '10.244.1.0/24' } });
    // Ours is there, and theirs is gone.
    const routes = async (): Promise<Record<string, unknown>[]> =>
      overlay.objects(host, '-4 route show root 10.244.2.0/24');
    await until(async () => (await routes()).length === 1, 'there is one route');
    expect(await routes()).toMatchObject([{ dst: '10.244.2.0/24', protocol: '111' }]);
    if (type === 'vxlan') {
      const [adopted] = await overlay.objects(host, 'link show type vxlan');
      const { ifindex, address } = device ?? {};
      expect(adopted).toMatchObject({ ifindex, address, ifalias: 'overlay:default' });
    }
    expect(await shapes(overlay, host)).not.toEqual(before);
    await there.goesOn();

    await host.agent?.stop();
    const args = ['cleanup', '--for-flanneld', ...overlay.flags(host)];
    const dry = await run({ name: 'overlay', netns: host.netns, args: [...args, '--dry-run'] });
    expect(await routes()).toMatchObject([{ protocol: '111' }]);
    const done = await run({ name: 'overlay', netns: host.netns, args });
    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout.replaceAll(/^(handed back|removed) /gm, '')).toBe(dry.stdout);
    expect(done.stdout).toMatch(/^handed back route 10\.244\.2\.0\/24 via \S+ dev \S+ proto 111 .* becomes /m);
    expect(await shapes(overlay, host)).toEqual(before);
    const again = await run({ name: 'overlay', netns: host.netns, args });
    expect(again).toMatchObject({ code: 0, stdout: '' });

    for (const ping of [there, back]) {
      const { answered, lost } = await ping.stop();
      expect(lost).toEqual([]);
      expect(answered).toBeGreaterThan(500);
    }
  }, 60_000);
});

test('routes of both families and those with metric 0 are handed back in place', async () => {
  const families = ['ipv4', 'ipv6'] as const;
  await using overlay = await OverlayLab.create({ hosts: 2, families, backend: { Type: 'vxlan' } });
  for (const host of overlay.lab.hosts) overlay.start(host, '--route-metric=off');
  await overlay.lab.waitReady();
  await overlay.lab.addPods();
  await overlay.lab.waitConnected();
  const host = overlay.host(0);
  const [from, to] = [host.pods[0], overlay.host(1).pods[0]];
  await using first = await SteadyPing.start(from, to.addresses.ipv4, overlay.file(from, 'ping4'));
  await using second = await SteadyPing.start(from, to.addresses.ipv6, overlay.file(from, 'ping6'));
  await host.agent?.stop();
  const done = await run({
    name: 'overlay',
    netns: host.netns,
    args: ['cleanup', '--for-flanneld', ...overlay.flags(host)],
  });
  expect(done).toMatchObject({ code: 0 });
  for (const [family, metric] of [
    ['-4', undefined],
    ['-6', 1024],
  ] as const) {
    const routes = await overlay.objects(host, `${family} route show`);
    const ours = routes.filter(({ dev, protocol }) => /^flannel/.test(String(dev)) && protocol !== 'kernel');
    expect(ours).toHaveLength(1);
    expect(ours[0]).toMatchObject({ protocol: 'boot', flags: ['onlink'] });
    expect(ours[0]['metric']).toBe(metric);
  }
  for (const ping of [first, second]) expect((await ping.stop()).lost).toEqual([]);
}, 60_000);

test('a foreign route in the place of flanneld’s stays when ours goes', async () => {
  await using overlay = await OverlayLab.create({ hosts: 1, backend: { Type: 'vxlan' } });
  const host = overlay.host(0);
  overlay.start(host);
  await host.waitReady();
  await host.agent?.stop();
  for (const line of [
    'route add 10.244.7.0/24 via 10.244.7.0 dev flannel.1 onlink metric 9 proto 111',
    'route add 10.244.7.0/24 via 10.244.7.0 dev flannel.1 onlink proto static',
  ]) {
    await host.exec(['ip', ...line.split(' ')]);
  }
  const args = ['cleanup', '--for-flanneld', ...overlay.flags(host)];
  expect(await run({ name: 'overlay', netns: host.netns, args })).toMatchObject({ code: 0 });
  expect(await overlay.objects(host, 'route show root 10.244.7.0/24')).toMatchObject([{ protocol: 'static' }]);
}, 30_000);
