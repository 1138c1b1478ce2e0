import { describe, expect, test } from '@jest/globals';
import type { Family } from '@overlay/core';
import type { LabPod } from '@overlay/lab';
import {
  flannelLease,
  flannelLeaseKey,
  flannelPeer,
  makeFlannelHost,
  Pings,
  shapes,
  startFlanneldAgain,
  subnetsOf,
  withoutGone,
} from '../support/flannel-hosts.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { run } from '../support/program.js';
import { SteadyPing } from '../support/steady-ping.js';
import { until } from '../support/until.js';

/** Both hosts as two flannelds leave them, with a pod each, and their leases in the store in flannel's form. */
async function flannelHosts(
  overlay: OverlayLab,
  type: string,
  families: readonly Family[],
): Promise<readonly [LabPod, LabPod]> {
  const peers = [1, 2].map((n) => flannelPeer(overlay.host(n - 1), n, subnetsOf(n, families)));
  const pods: LabPod[] = [];
  for (const [place, own] of peers.entries()) {
    const others = peers.filter((peer) => peer !== own);
    pods.push(await makeFlannelHost(overlay.host(place), type, own, others));
    await startFlanneldAgain(overlay.host(place), type, families, others);
    overlay.putLease(flannelLeaseKey(own), flannelLease(own, type));
  }
  const [from, to] = pods;
  if (from === undefined || to === undefined) throw new Error('two hosts have two pods');
  return [from, to];
}

describe.each([
  ['vxlan', ['ipv4']],
  ['vxlan', ['ipv4', 'ipv6']],
  ['host-gw', ['ipv4']],
  ['host-gw', ['ipv4', 'ipv6']],
] as const)('a host of flanneld with %s and %j', (type, families) => {
  test('is taken over and handed back without a packet lost', async () => {
    await using overlay = await OverlayLab.create({ hosts: 2, families, backend: { Type: type } });
    const pods = await flannelHosts(overlay, type, families);
    const host = overlay.host(0);
    const all = await shapes(overlay, host);
    const before = withoutGone(all);
    // On its tunnel devices: route, neighbour and FDB entry in each family.
    expect(all.length - before.length).toBe(type === 'vxlan' ? 3 * families.length : 0);
    const devices = (await overlay.objects(host, 'link show type vxlan')).map(({ ifindex, ifname, address }) => ({
      ifindex,
      ifname,
      address,
    }));
    await using pings = await Pings.start(overlay, families, pods);

    overlay.start(host);
    await host.waitReady();
    await overlay.settled(host, 1);
    const subnets = { ipv4: '10.244.1.0/24', ...(families.length > 1 && { ipv6: 'fd00:244:0:1::/64' }) };
    expect((await overlay.status(host))['ownLease']).toMatchObject({ subnets });
    // Ours are there, and theirs are gone.
    const routes = async (): Promise<Record<string, unknown>[]> => {
      const found = await overlay.objects(host, '-4 route show root 10.244.2.0/24');
      if (families.length > 1) found.push(...(await overlay.objects(host, '-6 route show root fd00:244:0:2::/64')));
      return found;
    };
    const ours = [
      { dst: '10.244.2.0/24', protocol: '111' },
      { dst: 'fd00:244:0:2::/64', protocol: '111' },
    ].slice(0, families.length);
    await until(async () => (await routes()).every(({ protocol }) => protocol === '111'), 'only our routes are there');
    expect(await routes()).toMatchObject(ours);
    const adopted = await overlay.objects(host, 'link show type vxlan');
    expect(adopted).toMatchObject(devices.map((device) => ({ ...device, ifalias: 'overlay:default' })));
    expect(await shapes(overlay, host)).not.toEqual(before);
    await pings.goOn();

    await host.agent?.stop();
    const args = ['cleanup', '--for-flanneld', ...overlay.flags(host)];
    const dry = await run({ name: 'overlay', netns: host.netns, args: [...args, '--dry-run'] });
    expect(await routes()).toMatchObject(ours);
    const done = await run({ name: 'overlay', netns: host.netns, args });
    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout.replaceAll(/^(handed back|removed) /gm, '')).toBe(dry.stdout);
    expect(done.stdout).toMatch(/^handed back route 10\.244\.2\.0\/24 via \S+ dev \S+ proto 111 .* becomes /m);
    expect(await shapes(overlay, host)).toEqual(before);
    const again = await run({ name: 'overlay', netns: host.netns, args });
    expect(again).toMatchObject({ code: 0, stdout: '' });

    for (const { answered, lost } of await pings.stop()) {
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
