import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Family, PerFamily, Prefix } from '@overlay/core';
import { ETCD_PREFIX } from '@overlay/lab';
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
import type { FlannelPeer } from '../support/flannel-shapes.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { run } from '../support/program.js';
import { describeWithEtcd, describeWithKubernetes } from '../support/servers-needed.js';
import { until } from '../support/until.js';

const TIMES = 10;
/** Whatever else the machine is at. Milliseconds. */
const READY = { timeoutMs: 30_000 };
const TEST_MS = 480_000;
const PREFIX = 'flannel.alpha.coreos.com/';

/** What flannelds and our agents have in common. */
interface SharedStore {
  /** The subnets of host number `n`. */
  subnets(overlay: OverlayLab, n: number, families: readonly Family[]): Promise<PerFamily<Prefix>>;
  /** What a flanneld writes of its host at its start. */
  publish(overlay: OverlayLab, n: number, own: FlannelPeer, type: string): Promise<void>;
  /** Everything that it says of hosts, but for what begins anew with each start: the identity of an etcd lease. */
  contents(overlay: OverlayLab): Promise<unknown>;
}

const etcd: SharedStore = {
  subnets: (_overlay, n, families) => Promise.resolve(subnetsOf(n, families)),
  async publish(overlay, _n, own, type) {
    // Flanneld takes a new lease of etcd at each start, and puts its value whatever is there.
    const [, lease = ''] = /^lease (\S+) granted/.exec(await overlay.etcd.ctl(['lease', 'grant', '86400'])) ?? [];
    const key = `${ETCD_PREFIX}/subnets/${flannelLeaseKey(own)}`;
    await overlay.etcd.put(key, JSON.stringify(flannelLease(own, type)), lease);
  },
  async contents(overlay) {
    const keys = await overlay.etcd.keys();
    for (const { key, lease } of keys) {
      if (!key.startsWith(`${ETCD_PREFIX}/subnets/`)) continue;
      expect(await overlay.etcd.ctl(['lease', 'timetolive', lease])).toContain('granted with TTL(86400s)');
    }
    // What our agents keep beside: flanneld does not look there.
    const shared = keys.filter(({ key }) => !key.startsWith(`${ETCD_PREFIX}/overlay/`));
    return shared.map(({ key, value }) => `${key} ${value}`);
  },
};

interface Node {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly podCIDRs?: readonly Prefix[] };
}

async function nodeOf(overlay: OverlayLab, n: number): Promise<Node> {
  return await overlay.kubernetes.do<Node>({ method: 'GET', path: `/api/v1/nodes/${overlay.host(n - 1).name}` });
}

/** How flanneld finds the MAC again that its device had: between the only `:"` and what ends the text. */
function macIn(data: string): string | undefined {
  return data.replaceAll(/^["}]+|["}]+$/g, '').split(':"')[1];
}

const kube: SharedStore = {
  async subnets(overlay, n, families) {
    await until(async () => (await nodeOf(overlay, n)).spec.podCIDRs !== undefined, `host ${n} has a podCIDR`);
    const { podCIDRs = [] } = (await nodeOf(overlay, n)).spec;
    // In the order of the families of the network.
    return Object.fromEntries(families.map((family, at) => [family, podCIDRs[at]]));
  },
  async publish(overlay, n, { ipv4, ipv6 }, type) {
    const { name, annotations = {} } = (await nodeOf(overlay, n)).metadata;
    const data = (suffix: string, mac: string): string => {
      if (type !== 'vxlan') return 'null';
      const before = annotations[PREFIX + suffix];
      return JSON.stringify({ VNI: 1, VtepMAC: before === undefined ? mac : macIn(before) });
    };
    const written = {
      'kube-subnet-manager': 'true',
      'backend-type': type,
      ...(ipv4 && { 'public-ip': ipv4.publicIP, 'backend-data': data('backend-data', ipv4.mac) }),
      ...(ipv6 && { 'public-ipv6': ipv6.publicIP, 'backend-v6-data': data('backend-v6-data', ipv6.mac) }),
    };
    const named = Object.entries(written).map(([suffix, value]) => [PREFIX + suffix, value] as const);
    await overlay.kubernetes.do({
      method: 'PATCH',
      path: `/api/v1/nodes/${name}/status`,
      type: 'application/strategic-merge-patch+json',
      body: { metadata: { annotations: Object.fromEntries(named) } },
    });
  },
  async contents(overlay) {
    const nodes = await Promise.all([1, 2].map((n) => nodeOf(overlay, n)));
    return nodes.map(({ metadata, spec }) => [
      metadata.name,
      spec,
      Object.entries(metadata.annotations ?? {})
        .filter(([name]) => name.startsWith(PREFIX))
        .sort(),
    ]);
  },
};

/** Where a host's kernel sends what is for a subnet. */
async function routesTo(overlay: OverlayLab, { ipv4, ipv6 }: FlannelPeer): Promise<Record<string, unknown>[]> {
  const host = overlay.host(0);
  return [
    ...(ipv4 ? await overlay.objects(host, `-4 route show root ${ipv4.subnet}`) : []),
    ...(ipv6 ? await overlay.objects(host, `-6 route show root ${ipv6.subnet}`) : []),
  ];
}

async function devicesOf(overlay: OverlayLab): Promise<readonly unknown[]> {
  const links = await overlay.objects(overlay.host(0), 'link show type vxlan');
  return links.map(({ ifindex, ifname, address }) => ({ ifindex, ifname, address }));
}

/**
 * One of two hosts of flanneld goes over to our agent and back, again and again. Flanneld's part is done by hand: what it
 * makes in the kernel and what it writes into the store; each time it also has a peer that goes away unseen.
 */
async function thereAndBack(name: 'etcd' | 'kube', type: string, families: readonly Family[]): Promise<void> {
  const store = { etcd, kube }[name];
  await using overlay = await OverlayLab.create({ hosts: 2, families, backend: { Type: type }, store: name });
  const host = overlay.host(0);
  const own = flannelPeer(host, 1, await store.subnets(overlay, 1, families));
  const other = flannelPeer(overlay.host(1), 2, await store.subnets(overlay, 2, families));
  const pods = [
    await makeFlannelHost(host, type, own, [other]),
    await makeFlannelHost(overlay.host(1), type, other, [own]),
  ] as const;
  await store.publish(overlay, 1, own, type);
  await store.publish(overlay, 2, other, type);
  const [before, devices] = [await shapes(overlay, host), await devicesOf(overlay)];
  const stored = await store.contents(overlay);
  const subnets = Object.fromEntries(families.map((family) => [family, own[family]?.subnet]));
  const flags = overlay.flags(host);
  const env: Record<string, string> = name === 'kube' ? { NODE_NAME: host.name } : {};

  for (let round = 1; round <= TIMES; round++) {
    await startFlanneldAgain(host, type, families, [other]);
    const all = await shapes(overlay, host);
    expect(withoutGone(all)).toEqual(before);
    expect(all.length - before.length).toBe(type === 'vxlan' ? 3 * families.length : 0);
    await using pings = await Pings.start(overlay, families, pods, `ping-${round}`);

    overlay.start(host);
    await host.waitReady(READY);
    await overlay.settled(host, 1);
    const isOurs = ({ protocol }: Record<string, unknown>): boolean => protocol === '111';
    await until(async () => (await routesTo(overlay, other)).every(isOurs), 'only our routes are there');
    expect(await routesTo(overlay, other)).toHaveLength(families.length);
    expect((await overlay.status(host))['ownLease']).toMatchObject({ subnets });
    expect(await devicesOf(overlay)).toEqual(devices);
    await until(async () => {
      const left = await shapes(overlay, host);
      return withoutGone(left).length === left.length;
    }, 'nothing is left of the peer that has gone');
    expect(await store.contents(overlay)).toEqual(stored);
    if (families.includes('ipv4')) {
      expect(readFileSync(host.subnetFile, 'utf8')).toContain(own.ipv4?.subnet.replace('.0/', '.1/'));
    }
    await pings.goOn();

    await host.agent?.stop();
    const args = ['cleanup', '--for-flanneld', ...flags];
    const done = await run({ name: 'overlay', netns: host.netns, args, env });
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(await shapes(overlay, host)).toEqual(before);
    await store.publish(overlay, 1, own, type);
    expect(await store.contents(overlay)).toEqual(stored);
    for (const { answered, lost } of await pings.stop()) {
      expect([round, lost]).toEqual([round, []]);
      expect(answered).toBeGreaterThan(300);
    }
  }
}

describeWithEtcd('a host of flanneld on etcd, ten times', () => {
  test.each([
    ['vxlan', ['ipv4', 'ipv6']],
    ['host-gw', ['ipv4']],
  ] as const)(
    '%s, %j: there and back with the same subnet, nothing stale and no packet lost',
    (type, families) => thereAndBack('etcd', type, families),
    TEST_MS,
  );
});

describeWithKubernetes('a host of flanneld on Kubernetes, ten times', () => {
  test.each([
    ['vxlan', ['ipv4', 'ipv6']],
    ['host-gw', ['ipv4']],
  ] as const)(
    '%s, %j: there and back with the same subnet, nothing stale and no packet lost',
    (type, families) => thereAndBack('kube', type, families),
    TEST_MS,
  );
});
