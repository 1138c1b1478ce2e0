import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@overlay/core/testing';
import { ipv4FromNumber } from '@overlay/core';
import type { Lease } from '@overlay/core';
import { udpLease } from '@overlay/backend-udp';
import type { UdpEnd } from '../support/udp-hosts.js';
import { UdpHosts } from '../support/udp-hosts.js';

interface ShownFilter {
  readonly options?: { readonly bpf_name?: string; readonly prog?: { readonly id: number } };
}

/** Ids of our maps on a host by their names. */
async function mapsOf(end: UdpEnd): Promise<Map<string, number>> {
  const { stdout } = await end.exec('tc -j filter show dev eth0 ingress');
  const filters = JSON.parse(stdout) as ShownFilter[];
  const own = filters.find(({ options }) => options?.bpf_name?.startsWith('overlay:'))?.options?.prog?.id;
  const { map_ids: ids } = tool('prog', 'show', 'id', String(own)) as { map_ids: number[] };
  return new Map(ids.map((id) => [(tool('map', 'show', 'id', String(id)) as { name: string }).name, id]));
}

function tool(...argv: readonly string[]): unknown {
  const text = execFileSync('bpftool', ['-j', ...argv], { encoding: 'utf8', maxBuffer: 1 << 28 });
  return text.trim() === '' ? undefined : JSON.parse(text);
}

describe('the kernel path', () => {
  let pair: UdpHosts;
  let near: UdpEnd;
  let far: UdpEnd;
  const reached = (): Promise<boolean> => pair.ping(1).then((count) => count === 1);

  beforeEach(async () => {
    pair = await UdpHosts.create();
    [near, far] = pair.ends;
    await until('the pods reach each other', reached);
  }, 60_000);
  afterEach(() => pair[Symbol.asyncDispose](), 30_000);

  test.each(['eth0', 'flannel0', 'flannel0-in'])(
    'gets its program back when the qdisc of %s is deleted',
    async (device) => {
      const direction = device === 'flannel0' ? 'egress' : 'ingress';
      for (const end of pair.ends) {
        const filters = `tc filter show dev ${device} ${direction}`;
        const isThere = async (): Promise<boolean> => (await end.exec(filters)).stdout.includes('overlay:default');
        expect(await isThere()).toBe(true);
        await end.exec(`tc qdisc del dev ${device} clsact`);
        await until('the program is there again', isThere);
        await until('the pods reach each other again', reached);
      }
    },
  );

  test.each([
    { device: 'flannel0', change: 'gro off', feature: 'generic-receive-offload', was: 'on' },
    { device: 'flannel0', change: 'tx on', feature: 'tx-checksumming', was: 'off' },
    { device: 'flannel0-in', change: 'tso on', feature: 'tx-tcp-segmentation', was: 'off' },
  ])('has $device without `$change` again', async ({ device, change, feature, was }) => {
    const state = async (): Promise<string | undefined> =>
      new RegExp(`^\\s*${feature}: (\\w+)`, 'm').exec((await near.exec(`ethtool -k ${device}`)).stdout)?.[1];
    expect(await state()).toBe(was);
    await near.exec(`ethtool -K ${device} ${change}`);
    await until('it is as it was', async () => (await state()) === was);
    await until('the pods reach each other', reached);
  });

  test('gets its program back when another one is put in its place', async () => {
    const { stdout } = await far.exec('tc -j filter show dev eth0 ingress');
    const { pref } = (JSON.parse(stdout) as { pref: number }[])[0];
    const replace = `tc filter replace dev eth0 ingress prio ${pref} handle 0x1 bpf bytecode`.split(' ');
    await far.host.exec([...replace, '1,6 0 0 4294967295']);
    await until('the pods reach each other again', reached);
  });

  test('gets its entries back when they are deleted, changed, or others added', async () => {
    const maps = await mapsOf(near);
    const routes = String(maps.get('routes4'));
    const before = tool('map', 'dump', 'id', routes);
    const key = ['hex', ...'0a f4 02 00 18 00 00 00'.split(' ')];
    tool('map', 'delete', 'id', routes, 'key', ...key);
    expect(await reached()).toBe(false);
    await until('the pods reach each other again', reached, 12_000);

    const nowhere = ['hex', ...`c0 a8 4d 63 ${'00 '.repeat(12)}20 5d 00 00`.split(' ').filter((byte) => byte !== '')];
    tool('map', 'update', 'id', routes, 'key', ...key, 'value', ...nowhere);
    tool('map', 'update', 'id', routes, 'key', 'hex', ...'0a f4 63 00 18 00 00 00'.split(' '), 'value', ...nowhere);
    tool('map', 'update', 'id', routes, 'key', 'hex', ...'0a f4 63 07 18 00 00 00'.split(' '), 'value', ...nowhere);
    expect(await reached()).toBe(false);
    await until('the pods reach each other again', reached, 12_000);
    await until(
      'all is as it was',
      () => JSON.stringify(sorted(tool('map', 'dump', 'id', routes))) === JSON.stringify(sorted(before)),
    );

    const lengths = String(maps.get('lengths'));
    tool(
      'map',
      'update',
      'id',
      lengths,
      'key',
      'hex',
      '00',
      '00',
      '00',
      '00',
      'value',
      'hex',
      ...'00 00 00 00 00 00 00 00'.split(' '),
    );
    expect(await reached()).toBe(false);
    await until('the pods reach each other again', reached, 12_000);
  }, 90_000);

  test('sends nothing bare and in no circle while its programs are missing and nobody mends them', async () => {
    await near.close();
    await using capture = await Bare.on(near);
    const devices = ['flannel0', 'flannel0-in', 'eth0'];
    for (const device of devices) await near.exec(`tc qdisc del dev ${device} clsact`);
    const received = async (): Promise<number> => {
      const { stdout } = await near.exec('ip -s -j link show dev flannel0-in');
      return (JSON.parse(stdout) as { stats64: { rx: { packets: number } } }[])[0].stats64.rx.packets;
    };
    const before = await received();
    expect(await pair.ping(20)).toBe(0);
    await near.exec('ping -c 5 -i 0.01 -W 1 10.244.2.2', { check: false });
    // Each came out at the other end of the pair once, and nowhere else.
    expect((await received()) - before).toBe(25);
    expect(await capture.packets()).toEqual([]);
    await near.reopen([far.lease]);
    await until('the pods reach each other again', reached);
  }, 60_000);

  test('is taken over as it is by the next process, and by one with another configuration without loss', async () => {
    const programs = async (): Promise<unknown> =>
      JSON.parse((await near.exec('tc -j filter show dev flannel0 egress')).stdout);
    const before = await programs();
    const sent = near.counters.sent.packets;
    await near.close();
    const steady = pair.ping(400);
    await near.reopen([far.lease]);
    expect(await programs()).toEqual(before);
    expect(near.counters.sent.packets).toBeGreaterThanOrEqual(sent);
    await near.close();
    await near.reopen([far.lease], { Filter: 'count' });
    expect(await programs()).not.toEqual(before);
    expect(await steady).toBe(400);
  }, 60_000);

  test('gives way to the user path and takes its place again', async () => {
    for (const path of ['user', 'kernel', 'user', 'kernel']) {
      await far.close();
      await far.reopen([near.lease], { DataPath: path });
      expect(far.status.dataPath.name).toBe(path);
      await until('the pods reach each other', reached);
      const { stdout } = await far.exec('tc filter show dev eth0 ingress');
      expect(stdout.includes('overlay:default')).toBe(path === 'kernel');
    }
  }, 60_000);

  test('takes 50,000 peers and lets them go', async () => {
    const peers: Lease[] = Array.from({ length: 50_000 }, (_, index) =>
      udpLease({
        hostId: `p${index}`,
        subnets: [`${ipv4FromNumber(0x0b000000 + index * 64)}/26`],
        publicIPs: [ipv4FromNumber(0xac100000 + index)],
      }),
    );
    await far.close();
    const started = performance.now();
    await far.reopen([near.lease, ...peers]);
    const took = performance.now() - started;
    const count = (name: string, maps: Map<string, number>): number =>
      (tool('map', 'dump', 'id', String(maps.get(name))) as unknown[]).length;
    const maps = await mapsOf(far);
    expect(count('routes4', maps)).toBe(2 * 50_001);
    await until('the pods reach each other', reached);
    process.stderr.write(`50,000 peers in ${(took / 1000).toFixed(2)} s\n`);
    far.network?.apply({ type: 'snapshot', leases: [near.lease] });
    await far.network?.settled({ signal: AbortSignal.timeout(60_000) });
    expect(count('routes4', maps)).toBe(2);
    expect(await reached()).toBe(true);
  }, 240_000);
});

function sorted(dump: unknown): readonly string[] {
  return (dump as unknown[]).map((entry) => JSON.stringify(entry)).sort();
}

/** What leaves eth0 with an address of a pod and not in a datagram. */
class Bare implements AsyncDisposable {
  private constructor(private readonly capture: Awaited<ReturnType<UdpHosts['lab']['capture']>>) {}

  static async on(end: UdpEnd): Promise<Bare> {
    return new Bare(await end.hosts.lab.capture(end.host, 'eth0', 'net 10.244.0.0/16 and not arp'));
  }

  async packets(): Promise<readonly string[]> {
    await this.capture.stop();
    return (await this.capture.text()).split('\n').filter((line) => line !== '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.capture.stop();
  }
}
