import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { HandClock } from '@overlay/core/testing';
import { Cuttable } from './support/cuttable.js';
import { attributesOf, KubeHost } from './support/kube-host.js';
import { KubeServer } from './support/kube-server.js';
import { annotate, createMany, createNode, deleteNode, PREFIX, removeNodes } from './support/nodes.js';
import { realisticNode } from './support/realistic-node.js';
import { describeWithKubernetes } from './support/server-programs.js';

/** As in node-source.ts: so long may the API server be silent within a list. */
const LIST_SILENCE_MS = 30_000;

const published = (n: number): Record<string, string> => ({
  [`${PREFIX}kube-subnet-manager`]: 'true',
  [`${PREFIX}backend-type`]: 'vxlan',
  [`${PREFIX}backend-data`]: `{"VNI":1,"VtepMAC":"0a:00:00:00:00:0${n}"}`,
  [`${PREFIX}public-ip`]: `192.0.2.${n}`,
});

function peer(server: KubeServer, name: string, n: number): Promise<void> {
  return createNode(server, name, { podCIDRs: [`10.5.${n}.0/24`], annotations: published(n) });
}

/** Has etcd forget everything but the present, so that no watch can begin before it. */
async function compact(server: KubeServer): Promise<void> {
  const args = ['--endpoints', server.etcdUrl];
  const env = { ...process.env, ETCDCTL_API: '3' };
  const status = spawnSync('etcdctl', [...args, 'endpoint', 'status', '-w', 'json'], { env, encoding: 'utf8' });
  const [{ Status }] = JSON.parse(status.stdout) as [{ Status: { header: { revision: number } } }];
  const done = spawnSync('etcdctl', [...args, 'compact', String(Status.header.revision)], { env, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
}

const ETCD_TOO_OLD = spawnSync('/usr/bin/etcd', ['--version'], { encoding: 'utf8' });

describeWithKubernetes('following the Nodes', () => {
  let server: KubeServer;
  let way: Cuttable;
  const hosts: KubeHost[] = [];
  beforeAll(async () => {
    server = await KubeServer.start();
    way = await Cuttable.to(server.port);
  }, 120_000);
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map(({ manager }) => manager.close()));
    way.block(false);
    way.silence(false);
    way.release();
    way.delay(0);
    await removeNodes(server);
  });
  afterAll(async () => {
    await way?.close();
    await server?.dispose();
  });

  /** One that asks over the way that can be cut. */
  function host(name: string, options: ConstructorParameters<typeof KubeHost>[2] = {}): KubeHost {
    const kubeconfigFile = server.kubeconfig('cuttable', undefined, `https://127.0.0.1:${way.port}`);
    const made = new KubeHost(server, name, { kubeconfigFile, ...options }).watch();
    hosts.push(made);
    return made;
  }

  test('a snapshot, then each change', async () => {
    await peer(server, 'b', 2);
    await createNode(server, 'no-host', { podCIDRs: ['10.5.9.0/24'] });
    const a = host('a');
    await a.sees('b');
    expect(a.events).toHaveLength(1);
    await peer(server, 'c', 3);
    await a.sees('b', 'c');
    await annotate(server, 'c', { [`${PREFIX}public-ip`]: '192.0.2.33' });
    await a.until('the address', () => a.leases.get('c')?.attributes.ipv4?.publicIP === '192.0.2.33');
    // What peers need not know is told to nobody.
    const events = a.events.length;
    await annotate(server, 'c', { 'some.other/annotation': '1' });
    await annotate(server, 'b', { [`${PREFIX}backend-data`]: '{"VNI":1,"VtepMAC":"0a:00:00:00:00:22"}' });
    await a.until('the MAC', () => JSON.stringify(a.leases.get('b')).includes('00:22'));
    expect(a.events.slice(events)).toHaveLength(1);
    // Annotations that vanish, and a Node that does.
    await annotate(server, 'b', { [`${PREFIX}kube-subnet-manager`]: null });
    await a.sees('c');
    await deleteNode(server, 'c');
    await a.sees();
  });

  test('one family changes, the other does not', async () => {
    const annotations = {
      ...published(2),
      [`${PREFIX}public-ipv6`]: '2001:db8::2',
      [`${PREFIX}backend-v6-data`]: 'null',
    };
    await createNode(server, 'b', { podCIDRs: ['10.5.2.0/24', 'fd00:5:0:2::/64'], annotations });
    const a = host('a');
    await a.sees('b');
    await annotate(server, 'b', { [`${PREFIX}public-ipv6`]: '2001:db8::22' });
    await a.until('the address', () => a.leases.get('b')?.attributes.ipv6?.publicIP === '2001:db8::22');
    await annotate(server, 'b', { [`${PREFIX}public-ipv6`]: null });
    await a.until('IPv4 alone', () => a.leases.get('b')?.subnets.ipv6 === undefined);
    expect(a.leases.get('b')?.subnets).toEqual({ ipv4: '10.5.2.0/24' });
  });

  test('a Node made anew with another podCIDR between two looks', async () => {
    await peer(server, 'b', 2);
    const a = host('a');
    await a.sees('b');
    await deleteNode(server, 'b');
    await peer(server, 'b', 4);
    await a.until('the other subnet', () => a.leases.get('b')?.subnets.ipv4 === '10.5.4.0/24');
  });

  test('what is no lease is ignored with one warning', async () => {
    await peer(server, 'b', 2);
    await createNode(server, 'junk', {
      podCIDRs: ['10.5.3.0/24'],
      annotations: { ...published(3), [`${PREFIX}public-ip`]: 'x' },
    });
    const a = host('a');
    await a.sees('b');
    await annotate(server, 'junk', { 'some.other/annotation': '1', [`${PREFIX}backend-type`]: 'host-gw' });
    await peer(server, 'c', 4);
    await a.sees('b', 'c');
    expect(a.warnings).toEqual(['warn Kubernetes: "junk" is no lease: public-ip is no IPv4 address; it is ignored']);
  });

  test('a watch that is cut is resumed: nothing is lost, and nothing read twice', async () => {
    await peer(server, 'b', 2);
    const a = host('a');
    await a.sees('b');
    way.block(true);
    way.cut();
    await peer(server, 'c', 3);
    await deleteNode(server, 'b');
    await a.until('trouble is told', () => a.warnings.length > 0);
    expect(a.leases.has('b')).toBe(true);
    way.block(false);
    await a.sees('c');
    expect(a.snapshots).toBe(1);
    expect(a.warnings).toHaveLength(1);
    expect(a.logger.lines.at(-1)).toBe('info Kubernetes: the API server answers again');
  });

  test('the API server says nothing any more: the watch is begun anew elsewhere', async () => {
    await peer(server, 'b', 2);
    const a = host('a', { silenceMs: 500, timeoutMs: 1_000 });
    await a.sees('b');
    way.silence(true);
    await peer(server, 'c', 3);
    const before = way.connections;
    await a.until('another connection', () => way.connections > before);
    way.silence(false);
    // The one that was lost in silence is not missed.
    await a.sees('b', 'c');
  });

  test('the API server is stopped and started: what is known stays, and everything converges', async () => {
    await peer(server, 'b', 2);
    const a = host('a');
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'] });
    await a.acquire();
    await a.sees('a', 'b');
    const confirmed = a.manager.confirmedAt() ?? 0;
    await server.api.stop();
    await a.until('trouble is told', () => a.warnings.length > 0);
    const publishing = a.own?.publish(attributesOf(7), { signal: new AbortController().signal });
    await a.problem(/trying again/);
    expect([...a.leases.keys()].sort()).toEqual(['a', 'b']);
    const stale = a.manager.confirmedAt() ?? 0;
    expect(stale).toBeGreaterThanOrEqual(confirmed);
    await server.restartApi();
    await publishing;
    await peer(server, 'c', 3);
    await a.sees('a', 'b', 'c');
    await a.noProblem();
    await a.until('its own', () => a.leases.get('a')?.attributes.ipv4?.publicIP === '192.0.2.7');
    expect(a.manager.confirmedAt()).toBeGreaterThan(stale);
    // No storm: the stop, what could not be published, and the end of both.
    expect(a.logger.lines.filter((line) => !line.startsWith('debug')).length).toBeLessThan(8);
  }, 120_000);

  test('history that is gone (410) is read again, with what was missed', async () => {
    await peer(server, 'b', 2);
    await peer(server, 'c', 3);
    const a = host('a');
    await a.sees('b', 'c');
    way.block(true);
    way.cut();
    await deleteNode(server, 'b');
    await annotate(server, 'c', { [`${PREFIX}public-ip`]: '192.0.2.33' });
    await peer(server, 'd', 4);
    await compact(server);
    // Its memory of changes begins anew, and etcd's with it.
    await server.restartApi();
    way.block(false);
    await a.sees('c', 'd');
    expect(a.snapshots).toBe(2);
    expect(a.leases.get('c')?.attributes.ipv4?.publicIP).toBe('192.0.2.33');
    expect(a.logger.lines.some((line) => line.includes('reading all Nodes again'))).toBe(true);
  }, 120_000);

  test('resync reads everything again, at once', async () => {
    await peer(server, 'b', 2);
    const a = host('a', { spreadMs: 600_000 });
    await a.sees('b');
    a.manager.resync();
    await a.until('another snapshot', () => a.snapshots === 2);
    await peer(server, 'c', 3);
    await a.sees('b', 'c');
  });

  test('begun while the API server is away, it comes up with it', async () => {
    await peer(server, 'b', 2);
    way.block(true);
    const a = host('a');
    await a.until('trouble is told', () => a.warnings.length > 0);
    expect(a.events).toEqual([]);
    expect(a.manager.confirmedAt()).toBeUndefined();
    await expect(a.manager.previous('a', { signal: new AbortController().signal })).rejects.toMatchObject({
      code: 'OVERLAY_STORE_UNAVAILABLE',
    });
    way.block(false);
    await a.sees('b');
  });

  test('an API server that answers later than is waited for is given longer with each question', async () => {
    await createNode(server, 'a');
    // A connection and an answer take it twice as long.
    way.delay(600);
    const { manager } = host('a', { timeoutMs: 1_000 });
    const { signal } = new AbortController();
    await expect(manager.previous('a', { signal })).rejects.toThrow('it does not answer within 1000 ms');
    let failures = 0;
    const ask = async (): Promise<boolean> => {
      await manager.previous('a', { signal });
      return true;
    };
    while (!(await ask().catch(() => false))) expect(++failures).toBeLessThan(10);
  });

  test('a list that comes slowly is read to its end; one that comes no further is asked for again', async () => {
    const names = Array.from({ length: 300 }, (_, n) => `node-${n}`);
    await createMany(server, names, realisticNode);
    const clock = new HandClock();
    const before = way.connections;
    way.hold();
    const a = host('node-0', { clock });
    /** Lets some of it through, and then 20 s pass. */
    const step = async (bytes: number): Promise<void> => {
      await a.until('more has come', () => way.held >= bytes);
      way.pass(bytes);
      await a.until('it was heard', () => clock.next === LIST_SILENCE_MS);
      await clock.advance(20_000);
    };
    // What is said before the list, by which a connection is made.
    const greeting = setInterval(() => way.pass(way.held < 100_000 ? way.held : 0), 5);
    await a.until('the list begins', () => way.held >= 100_000);
    clearInterval(greeting);
    for (let n = 0; n < 5; n++) await step(100_000);
    expect([a.snapshots, a.warnings, way.connections - before]).toEqual([0, [], 1]);
    // Nothing more for longer than is waited for.
    await clock.advance(20_000);
    await a.until('it is asked for again', async () => {
      await clock.advance(1_000);
      return way.connections - before === 2;
    });
    way.release();
    await a.until('all', () => a.leases.size === 300);
    expect(a.snapshots).toBe(1);
  });

  test('5,000 Nodes of 8 kB: all in one snapshot, a change is one change', async () => {
    const names = Array.from({ length: 5_000 }, (_, n) => `node-${n}`);
    await createMany(server, names, realisticNode);
    const a = host('node-0');
    await a.until('all', () => a.leases.size === 5_000, 60_000);
    expect(a.events).toHaveLength(1);
    expect(a.leases.get('node-4999')).toEqual({
      key: 'node-4999',
      subnets: { ipv4: '10.83.136.0/24' },
      attributes: {
        backendType: 'vxlan',
        ipv4: { publicIP: '172.16.19.136', data: { VNI: 1, VtepMAC: '0a:00:00:00:13:88' } },
      },
    });
    await annotate(server, 'node-77', { [`${PREFIX}public-ip`]: '198.51.100.77' });
    await a.until('the change', () => a.leases.get('node-77')?.attributes.ipv4?.publicIP === '198.51.100.77');
    expect(a.events.slice(1)).toEqual([
      { type: 'changes', changes: [{ type: 'set', lease: a.leases.get('node-77') }] },
    ]);
  }, 180_000);

  // What streams lists is etcd 3.4.31 and newer; Debian's may be older.
  (ETCD_TOO_OLD.stdout?.includes('Version: 3.4.2') ? describe : describe.skip)('on an etcd before 3.4.31', () => {
    test('lists are read whole, and then followed', async () => {
      const old = await KubeServer.start({ etcd: join('/usr/bin', 'etcd') });
      let a: KubeHost | undefined;
      try {
        a = new KubeHost(old, 'a');
        await createMany(
          old,
          Array.from({ length: 300 }, (_, n) => `node-${n}`),
          realisticNode,
        );
        const seer = a.watch();
        await seer.until('all', () => seer.leases.size === 300);
        expect(seer.logger.lines.join('\n')).toContain('debug the API server does not stream lists');
        await peer(old, 'b', 2);
        await seer.until('one more', () => seer.leases.has('b'));
        expect(seer.snapshots).toBe(1);
        seer.manager.resync();
        await seer.until('another snapshot', () => seer.snapshots === 2);
        expect(seer.leases.size).toBe(301);
      } finally {
        await a?.manager.close();
        await old.dispose();
      }
    }, 120_000);
  });
});
