import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { AgentStatus } from '@overlay/core';
import type { LabHost } from '@overlay/lab';
import { OverlayLab } from '../support/overlay-lab.js';
import { SteadyPing } from '../support/steady-ping.js';
import { until } from '../support/until.js';

const BOTH = ['ipv4', 'ipv6'] as const;
const VXLAN = { Type: 'vxlan' };
const VXLAN_2 = { Type: 'vxlan', VNI: 2 };
const HOST_GW = { Type: 'host-gw' };
/** Short, so that the tests are; longer than a store's news take. */
const RETIRE = '--retire-after=1s';

/** How a host is made to take what its configuration file says. */
type Take = (overlay: OverlayLab, host: LabHost) => Promise<void>;

const apply: Take = async (_, host) => {
  host.agent?.kill('SIGHUP');
};

const restart: Take = async (overlay, host) => {
  host.agent?.kill('SIGKILL');
  await host.agent?.exited;
  overlay.start(host, RETIRE);
  await host.waitReady();
};

async function status(overlay: OverlayLab, host: LabHost): Promise<Partial<AgentStatus>> {
  return await overlay.status(host);
}

function write(overlay: OverlayLab, backend: object): void {
  const conf = JSON.parse(readFileSync(overlay.netConf, 'utf8')) as object;
  writeFileSync(overlay.netConf, JSON.stringify({ ...conf, Backend: backend }));
}

/** Waits until a host has the change before it. */
async function sees(overlay: OverlayLab, host: LabHost): Promise<void> {
  await until(
    async () => (await status(overlay, host)).pending !== undefined,
    `${host.name} has a pending change`,
  ).catch(async (error: unknown) => {
    throw new Error(
      `${String(error)}: ${JSON.stringify(await status(overlay, host))} ${readFileSync(host.logFile, 'utf8')}`,
    );
  });
}

/** Waits until a host reaches every peer by another endpoint than before, as far as they publish it. */
async function published(overlay: OverlayLab, host: LabHost, id: string): Promise<void> {
  await until(async () => {
    const { ownLease, config } = await status(overlay, host);
    const attributes = ownLease?.attributes;
    return (
      attributes?.endpoints?.some((endpoint) => endpoint.id === id) === true ||
      (attributes?.backendType === config?.backend.type && attributes?.endpoints === undefined)
    );
  }, `${host.name} publishes ${id}`);
}

/** Waits until a host has nothing but the new backend. */
async function over(overlay: OverlayLab, host: LabHost, backend: { Type: string }): Promise<void> {
  await until(
    async () => {
      const { config, applying, pending, ownLease, phase } = await status(overlay, host);
      const alone = ownLease?.attributes.backendType === backend.Type && ownLease.attributes.endpoints === undefined;
      return config?.backend.type === backend.Type && !applying && !pending && alone && phase === 'ready';
    },
    `${host.name} has ${backend.Type} alone`,
    20_000,
  ).catch(async (error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify((await status(overlay, host)).applying?.progress)}`);
  });
  await overlay.settled(host, overlay.lab.hosts.length - 1);
}

/** The devices of ours on a host, and those that routes to other hosts' subnets leave by. */
async function devices(overlay: OverlayLab, host: LabHost): Promise<{ own: string[]; routes: string[] }> {
  const links = await overlay.objects(host, 'link show');
  const own = links.filter(({ ifalias }) => ifalias === 'overlay:default').map(({ ifname }) => String(ifname));
  const routes: string[] = [];
  for (const family of ['-4', '-6']) {
    const found = await overlay.objects(host, `${family} route show proto 111`);
    routes.push(...found.map(({ dev }) => String(dev)));
  }
  return { own: own.sort(), routes: routes.sort() };
}

const TUNNELS = {
  own: ['flannel-v6.1', 'flannel.1'],
  routes: ['flannel-v6.1', 'flannel-v6.1', 'flannel.1', 'flannel.1'],
};
const TUNNELS_2 = JSON.parse(JSON.stringify(TUNNELS).replaceAll('.1"', '.2"')) as typeof TUNNELS;
const DIRECT = { own: [], routes: ['eth0', 'eth0', 'eth0', 'eth0'] };

async function start(backend: object): Promise<OverlayLab> {
  const overlay = await OverlayLab.create({ hosts: 3, families: BOTH, backend });
  for (const host of overlay.lab.hosts) overlay.start(host, RETIRE);
  await overlay.lab.waitReady();
  await overlay.lab.addPods();
  await overlay.lab.waitConnected();
  return overlay;
}

/** Pings round all hosts, so that each direction of each pair carries packets, in both families. */
async function pings(overlay: OverlayLab): Promise<SteadyPing[]> {
  const pods = overlay.lab.pods;
  return await Promise.all(
    pods.flatMap((from, at) => {
      const to = pods[(at + 1) % pods.length];
      return BOTH.map((family) => SteadyPing.start(from, to.addresses[family], overlay.file(from, `ping-${family}`)));
    }),
  );
}

/** What was lost, and on which way; long ranges in short. */
async function lost(running: readonly SteadyPing[]): Promise<string[]> {
  const counts = await Promise.all(running.map((ping) => ping.stop()));
  expect(Math.min(...counts.map(({ answered }) => answered))).toBeGreaterThan(500);
  return counts.flatMap(({ answered, lost }, at) => {
    const [first, last] = [lost[0], lost.at(-1)];
    return lost.length === 0 ? [] : [`ping ${at}: ${lost.length} of ${answered}, from ${first} to ${last}`];
  });
}

const CHANGES = [
  ['vxlan', 'host-gw', VXLAN, HOST_GW, DIRECT],
  ['host-gw', 'vxlan/1/8472', HOST_GW, VXLAN, TUNNELS],
  ['vxlan', 'vxlan/2/8472', VXLAN, VXLAN_2, TUNNELS_2],
] as const;

describe.each(CHANGES)('from %s to %s', (_, id, old, next, wanted) => {
  test('all at once: no packet is lost, and nothing of the old one is left', async () => {
    await using overlay = await start(old);
    const { hosts } = overlay.lab;
    const running = await pings(overlay);
    write(overlay, next);
    for (const host of hosts) await sees(overlay, host);
    for (const host of hosts) await apply(overlay, host);
    for (const host of hosts) await over(overlay, host, next);
    expect(await lost(running)).toEqual([]);
    for (const host of hosts) expect(await devices(overlay, host)).toEqual(wanted);
  }, 90_000);

  test.each([
    ['on command', apply],
    ['by restarts', restart],
  ] as const)(
    'host by host, %s: no packet is lost, and nothing of the old one is left',
    async (_, take) => {
      await using overlay = await start(old);
      const { hosts } = overlay.lab;
      const running = await pings(overlay);
      write(overlay, next);
      for (const host of hosts) {
        await sees(overlay, host);
        await take(overlay, host);
        await published(overlay, host, id);
        for (const ping of running) await ping.goesOn();
      }
      for (const host of hosts) await over(overlay, host, next);
      expect(await lost(running)).toEqual([]);
      for (const host of hosts) expect(await devices(overlay, host)).toEqual(wanted);
    },
    90_000,
  );
});

test('there and back, with restarts in the midst of it: no packet is lost', async () => {
  await using overlay = await start(VXLAN);
  const [first, second, third] = overlay.lab.hosts;
  const running = await pings(overlay);
  write(overlay, HOST_GW);
  await sees(overlay, first);
  await apply(overlay, first);
  await published(overlay, first, 'host-gw');
  // Both networks are open here; and the next one was never told of the change but by its restart.
  await restart(overlay, first);
  await restart(overlay, second);
  await published(overlay, second, 'host-gw');
  expect((await status(overlay, first)).applying?.progress).toContain(`host-gw is not published by ${third.name}`);
  write(overlay, VXLAN);
  for (const host of [first, second]) {
    await sees(overlay, host);
    await apply(overlay, host);
  }
  for (const host of overlay.lab.hosts) await over(overlay, host, VXLAN);
  expect(await lost(running)).toEqual([]);
  for (const host of overlay.lab.hosts) expect(await devices(overlay, host)).toEqual(TUNNELS);
}, 90_000);

test('a smaller MTU and a wider network are taken at once: no packet is lost, and the device stays', async () => {
  await using overlay = await start(VXLAN);
  const { hosts } = overlay.lab;
  const before = await Promise.all(hosts.map((host) => overlay.objects(host, 'link show dev flannel.1')));
  const running = await pings(overlay);
  const conf = JSON.parse(readFileSync(overlay.netConf, 'utf8')) as object;
  write(overlay, { ...VXLAN, MTU: 1400 });
  for (const host of hosts) {
    await until(() => readFileSync(host.subnetFile, 'utf8').includes('FLANNEL_MTU=1330\n'), `${host.name} has the MTU`);
  }
  writeFileSync(
    overlay.netConf,
    JSON.stringify({ ...conf, Network: '10.240.0.0/12', Backend: { ...VXLAN, MTU: 1400 } }),
  );
  for (const host of hosts) {
    await until(
      () => readFileSync(host.subnetFile, 'utf8').includes('=10.240.0.0/12\n'),
      `${host.name} has the network`,
    );
    await overlay.settled(host, 2);
    const { pending, applying, findings } = await status(overlay, host);
    expect([pending, applying]).toEqual([undefined, undefined]);
    expect(findings?.map(({ check }) => check)).toEqual(['mtu-lowered']);
  }
  expect(await lost(running)).toEqual([]);
  for (const [at, host] of hosts.entries()) {
    const [device] = await overlay.objects(host, 'link show dev flannel.1');
    expect(device).toMatchObject({ mtu: 1350, ifindex: before[at][0]['ifindex'], address: before[at][0]['address'] });
    expect(await devices(overlay, host)).toEqual(TUNNELS);
  }
}, 60_000);

test('a flanneld among the hosts keeps the old backend the primary one, and is reached all the time', async () => {
  await using overlay = await start(VXLAN);
  const { hosts } = overlay.lab;
  const address = String(hosts[0].addresses.ipv4).replace(/\d+$/, '200');
  const address6 = String(hosts[0].addresses.ipv6).replace(/[\da-f]+$/, 'c8');
  const data = { VNI: 1, VtepMAC: '02:00:00:00:00:c8' };
  overlay.putLease('10.244.200.0-24&fd00:244:0:200::-64', {
    PublicIP: address,
    PublicIPv6: address6,
    BackendType: 'vxlan',
    BackendData: data,
    BackendV6Data: data,
    HostID: 'flanneld',
  });
  for (const host of hosts) await overlay.settled(host, 3);
  write(overlay, HOST_GW);
  for (const host of hosts) await sees(overlay, host);
  for (const host of hosts) await apply(overlay, host);
  for (const host of hosts) {
    await published(overlay, host, 'host-gw');
    await until(async () => {
      const { routes } = await devices(overlay, host);
      return routes.join() === 'eth0,eth0,eth0,eth0,flannel-v6.1,flannel.1';
    }, `${host.name} reaches hosts directly, and flanneld by the tunnel`);
    const { ownLease, applying, mtu } = await status(overlay, host);
    expect(ownLease?.attributes).toMatchObject({ backendType: 'vxlan', ipv4: { data: { VNI: 1 } } });
    expect(applying?.phase).toBe('moving');
    expect(applying?.progress).toMatch(/vxlan\/1\/8472 is the primary one: host-gw is not published by /);
    // Its packets may still come by the tunnel, and go by it.
    expect(mtu).toBe(1430);
  }
}, 60_000);
