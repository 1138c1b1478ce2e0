import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { LabHost } from '@overlay/lab';
import { everyHostSends } from '../support/every-host-sends.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { allRemember, losePower } from '../support/reboot.js';
import { describeWithKubernetes } from '../support/servers-needed.js';
import { SteadyPing } from '../support/steady-ping.js';
import { StoreTrouble } from '../support/store-trouble.js';
import { until } from '../support/until.js';

const FLANNEL = 'flannel.alpha.coreos.com/';
const NODES = '/api/v1/nodes';
/** A Node of a host that is not there: who sends to the address that it has now follows the store. */
const PROOF = 'proof';
const PROOF_MAC = '02:00:00:00:00:99';
const CONVERGED_MS = 60_000;

interface Node {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>>; readonly uid: string };
  readonly spec: { readonly podCIDR?: string; readonly podCIDRs?: readonly string[] };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

describeWithKubernetes('agents whose Kubernetes comes to harm', () => {
  let overlay: OverlayLab;
  let trouble: StoreTrouble;
  let proofs = 0;

  const hosts = (): readonly LabHost[] => overlay.lab.hosts;
  const ask = async <T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> =>
    await overlay.kubernetes.do<T>({ method, path, body });
  const nodeOf = async ({ name }: LabHost): Promise<Node> => await ask<Node>('GET', `${NODES}/${name}`);
  const makeNode = async (node: { readonly metadata: object; readonly spec?: object }): Promise<void> => {
    await ask('POST', NODES, { apiVersion: 'v1', kind: 'Node', ...node });
  };
  const says = async (host: LabHost, text: RegExp): Promise<void> => {
    await until(() => trouble.news(host).some((line) => text.test(line)), `${host.name} says ${text}`, CONVERGED_MS);
  };
  const flannels = async (host: LabHost): Promise<Record<string, string>> => {
    const { annotations } = (await nodeOf(host)).metadata;
    return Object.fromEntries(Object.entries(annotations ?? {}).filter(([name]) => name.startsWith(FLANNEL)));
  };
  const annotate = async (
    { name }: { readonly name: string },
    annotations: Readonly<Record<string, string | null>>,
  ): Promise<void> => {
    const type = 'application/merge-patch+json';
    await overlay.kubernetes.do({
      method: 'PATCH',
      path: `${NODES}/${name}`,
      type,
      body: { metadata: { annotations } },
    });
  };

  /** Waits until every host follows the store: it sends to the address that the Node of nobody is given now. */
  async function everyHostFollows(): Promise<void> {
    const address = `192.168.77.${100 + (++proofs % 100)}`;
    await annotate({ name: PROOF }, { [`${FLANNEL}public-ip`]: address });
    await everyHostSends(hosts(), { mac: PROOF_MAC, address }, CONVERGED_MS);
  }

  /** Versions go on, so that a store which is restored is behind them. */
  async function muchHappens(): Promise<void> {
    const path = `${NODES}/${PROOF}`;
    const type = 'application/merge-patch+json';
    const changes = Array.from({ length: 500 }, (_, at) => ({
      method: 'PATCH' as const,
      path,
      type,
      body: { metadata: { annotations: { 'example.org/change': String(at) } } },
    }));
    const answers = await overlay.kubernetes.ask(changes);
    expect(answers.at(-1)?.status).toBe(200);
  }

  beforeAll(async () => {
    overlay = await OverlayLab.create({
      hosts: 3,
      families: ['ipv4', 'ipv6'],
      backend: { Type: 'vxlan' },
      store: 'kube',
    });
    // The last host's Node gets its podCIDRs late.
    const [first, second, late] = hosts();
    for (const host of [first, second, late]) {
      await until(async () => (await nodeOf(host)).spec.podCIDR !== undefined, `${host.name} has a podCIDR`);
    }
    await overlay.kubernetes.stop('kube-controller-manager');
    await ask('DELETE', `${NODES}/${late.name}`);
    await makeNode({ metadata: { name: late.name } });
    await makeNode({
      metadata: {
        name: PROOF,
        annotations: {
          [`${FLANNEL}kube-subnet-manager`]: 'true',
          [`${FLANNEL}backend-type`]: 'vxlan',
          [`${FLANNEL}backend-data`]: `{"VNI":1,"VtepMAC":"${PROOF_MAC}"}`,
          [`${FLANNEL}public-ip`]: '192.168.77.99',
        },
      },
      spec: { podCIDR: '10.244.200.0/24', podCIDRs: ['10.244.200.0/24'] },
    });
    for (const host of hosts()) overlay.start(host);
    for (const host of [first, second]) await host.waitReady();
    const waits = async (): Promise<boolean> =>
      /pod cidr not assigned: .*--allocate-node-cidrs=true --cluster-cidr=10\.244\.0\.0\/16,fd00:244::\/48/.test(
        (await late.health('/readyz')).body,
      );
    await until(waits, 'the host without a podCIDR says what is missing');
    expect((await late.health('/readyz')).status).toBe(503);
    await overlay.kubernetes.restart('kube-controller-manager');
    await overlay.lab.waitReady({ timeoutMs: CONVERGED_MS });
    await overlay.lab.addPods();
    await overlay.lab.waitConnected({ timeoutMs: CONVERGED_MS });
  }, 240_000);
  afterAll(async () => {
    await overlay?.[Symbol.asyncDispose]();
  });

  beforeEach(() => {
    trouble = new StoreTrouble(overlay, 1);
  });
  // Whatever happened: everything is as it should be, by itself.
  afterEach(async () => {
    await everyHostFollows();
    await trouble.overcome();
  }, 180_000);

  test('a podCIDR that came late was waited for with one line', () => {
    const waits = readFileSync(overlay.host(2).logFile, 'utf8').match(/waiting for a subnet: .*pod cidr not assigned/g);
    expect(waits).toHaveLength(1);
  });

  test('the API server stopped and started', async () => {
    const all = [...(await trouble.pings('ipv4')), ...(await trouble.pings('ipv6'))];
    await overlay.kubernetes.stop('kube-apiserver');
    for (const host of hosts()) {
      await says(host, /what is known stays, trying again/);
      expect((await host.health('/readyz')).status).toBe(200);
    }
    await overlay.kubernetes.restart('kube-apiserver');
    await everyHostFollows();
    await trouble.nothingLost(all);
  }, 180_000);

  test('a host that loses its power while the API server is away goes on with what it remembers', async () => {
    const [host, other] = hosts();
    const before = readFileSync(host.subnetFile, 'utf8');
    await allRemember(overlay);
    await overlay.kubernetes.stop('kube-apiserver');
    await losePower(overlay, host);
    overlay.start(host);
    await host.waitReady({ timeoutMs: CONVERGED_MS });
    trouble = new StoreTrouble(overlay, 1);
    expect((await host.health('/readyz')).body).toMatch(/^stale: the store has not answered /m);
    expect(readFileSync(host.subnetFile, 'utf8')).toBe(before);
    await overlay.settled(host, 3);
    await using ping = await SteadyPing.start(
      host.pods[0],
      other.pods[0].addresses.ipv4,
      overlay.file(host, 'remembered'),
    );
    await overlay.kubernetes.restart('kube-apiserver');
    const stale = async (): Promise<boolean> => (await overlay.status(host)).remembered === true;
    await until(async () => !(await stale()), 'the host has heard of the API server', CONVERGED_MS);
    await everyHostFollows();
    await trouble.nothingLost([ping]);
  }, 180_000);

  test('its history gone (410) while a host could not reach it', async () => {
    const host = overlay.host(0);
    const all = await trouble.pings();
    const server = String(overlay.lab.server?.addresses.ipv4);
    await host.exec(['ip', 'route', 'add', 'blackhole', server]);
    // Packets of the connection that there is would still come in.
    await host.exec(['ss', '-HK', 'dport', '=', ':6443']);
    for (const address of ['192.168.77.98', '192.168.77.97']) {
      await annotate({ name: PROOF }, { [`${FLANNEL}public-ip`]: address });
    }
    const [{ Status }] = JSON.parse(await overlay.kubernetes.etcdctl(['endpoint', 'status', '-w', 'json'])) as [
      { Status: { header: { revision: number } } },
    ];
    await overlay.kubernetes.etcdctl(['compact', String(Status.header.revision)]);
    await overlay.kubernetes.restart('kube-apiserver');
    await host.exec(['ip', 'route', 'del', 'blackhole', server]);
    await says(host, /reading all Nodes again/);
    await trouble.nothingLost(all);
  }, 180_000);

  test('a watch that is cut is resumed, without a word', async () => {
    const all = await trouble.pings();
    const ports = async (host: LabHost): Promise<string[]> => {
      const { stdout } = await host.exec(['ss', '-Htn', 'state', 'established', 'dport', '=', ':6443']);
      return Array.from(stdout.matchAll(/:(\d+) +\S+:6443/g), ([, port]) => port);
    };
    for (const host of hosts()) {
      const before = await ports(host);
      expect(before.length).toBeGreaterThan(0);
      await host.exec(['ss', '-HK', 'dport', '=', ':6443']);
      const after = await ports(host);
      expect(after.filter((port) => before.includes(port))).toEqual([]);
    }
    await everyHostFollows();
    await trouble.nothingLost(all);
    for (const host of hosts()) expect(trouble.news(host).filter((line) => /warn|error/i.test(line))).toEqual([]);
  }, 120_000);

  test('a Node deleted and made anew', async () => {
    const host = overlay.host(1);
    const before = await nodeOf(host);
    const annotations = await flannels(host);
    await ask('DELETE', `${NODES}/${host.name}`);
    for (const other of [overlay.host(0), overlay.host(2)]) await overlay.settled(other, 2);
    const problems = async (): Promise<string> => JSON.stringify((await overlay.status(host)).problems);
    await until(async () => (await problems()).includes('does not exist'), 'the host shows that its Node is gone');
    expect((await host.health('/readyz')).status).toBe(200);
    await makeNode({ metadata: { name: host.name }, spec: before.spec });
    const again = async (): Promise<Node> => await nodeOf(host);
    await until(
      async () => JSON.stringify(await flannels(host)) === JSON.stringify(annotations),
      'the Node has its annotations again',
      CONVERGED_MS,
    );
    const available = ({ status }: Node): boolean =>
      status.conditions?.some((each) => each.type === 'NetworkUnavailable' && each.status === 'False') ?? false;
    await until(async () => available(await again()), 'its network is available again', CONVERGED_MS);
    expect((await again()).metadata.uid).not.toBe(before.metadata.uid);
  }, 180_000);

  test('an address that a person sets for a Node is used by peers at once, and given up again', async () => {
    const host = overlay.host(1);
    const other = overlay.host(0);
    await host.exec(['ip', 'address', 'add', '192.168.77.212/24', 'dev', 'eth0']);
    const all = await trouble.pings();
    const sendsTo = async (address: string): Promise<void> => {
      const there = async (): Promise<boolean> =>
        (await other.exec(['bridge', 'fdb', 'show', 'dev', 'flannel.1'])).stdout.includes(`dst ${address} `);
      await until(there, `${other.name} sends to ${address}`, CONVERGED_MS);
    };
    await annotate(host, { [`${FLANNEL}public-ip-overwrite`]: '192.168.77.212' });
    await sendsTo('192.168.77.212');
    expect((await flannels(host))[`${FLANNEL}public-ip`]).toBe('192.168.77.212');
    await annotate(host, { [`${FLANNEL}public-ip-overwrite`]: null });
    await sendsTo(String(host.addresses.ipv4));
    await trouble.nothingLost(all);
    await host.exec(['ip', 'address', 'del', '192.168.77.212/24', 'dev', 'eth0']);
  }, 120_000);

  test.each([
    ['long ago', true],
    ['a moment ago', false],
  ])(
    'restored from a backup of %s, when two hosts had not come: no packet is lost',
    async (_, isOld) => {
      const away = [overlay.host(1), overlay.host(2)];
      const before = await Promise.all(hosts().map(flannels));
      const folder = join(overlay.lab.directory, `backup-${isOld}`);
      for (const host of away) host.agent?.kill('SIGSTOP');
      for (const [at, host] of away.entries()) {
        await annotate(host, Object.fromEntries(Object.keys(before[at + 1]).map((name) => [name, null])));
      }
      overlay.kubernetes.backup(folder);
      for (const host of away) host.agent?.kill('SIGCONT');
      const asBefore = async (): Promise<boolean> =>
        JSON.stringify(await Promise.all(hosts().map(flannels))) === JSON.stringify(before);
      await until(asBefore, 'the annotations are there again', CONVERGED_MS);
      for (const host of hosts()) await overlay.settled(host, 3);
      if (isOld) await muchHappens();
      const all = [...(await trouble.pings('ipv4')), ...(await trouble.pings('ipv6'))];
      await overlay.kubernetes.restore(folder);
      await until(asBefore, 'the annotations are there again', CONVERGED_MS);
      await everyHostFollows();
      await trouble.nothingLost(all);
    },
    240_000,
  );
});
