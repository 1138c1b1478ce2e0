import { readFileSync, writeFileSync } from 'node:fs';
import { expect, jest, test } from '@jest/globals';
import { cameBack, ETCD_PREFIX } from '@overlay/lab';
import type { LabHost } from '@overlay/lab';
import { describeWithEtcd } from '../support/servers-needed.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { allRemember, losePower, memoryOf } from '../support/reboot.js';
import { SteadyPing } from '../support/steady-ping.js';
import { until } from '../support/until.js';

const BOTH = ['ipv4', 'ipv6'] as const;
/** Whatever else the machine is at. Milliseconds. */
const READY = { timeoutMs: 30_000 };

jest.setTimeout(120_000);

/** Whether every pair of pods and hosts reaches each other. */
async function allConnected(overlay: OverlayLab): Promise<boolean> {
  return (await overlay.lab.pingMatrix({ count: 1 })).every((result) => cameBack(result));
}

/** Three hosts on etcd that remember it. */
async function threeHosts(type: string, ...flags: string[]): Promise<OverlayLab> {
  const overlay = await OverlayLab.create({ hosts: 3, families: BOTH, backend: { Type: type }, store: 'etcd' });
  try {
    for (const host of overlay.lab.hosts) overlay.start(host, ...flags);
    await overlay.lab.waitReady(READY);
    await overlay.lab.addPods();
    await overlay.lab.waitConnected(READY);
    await allRemember(overlay);
    return overlay;
  } catch (error) {
    await overlay[Symbol.asyncDispose]();
    throw error;
  }
}

async function stale(overlay: OverlayLab, host: LabHost): Promise<boolean> {
  return (await overlay.status(host)).remembered === true;
}

describeWithEtcd('a host that loses its power while etcd is away', () => {
  test.each(['vxlan', 'host-gw'])(
    '%s: forwards again by what it remembers, says so, and converges when etcd is back',
    async (type) => {
      await using overlay = await threeHosts(type);
      const [host, other, third] = overlay.lab.hosts;
      const env = readFileSync(host.subnetFile, 'utf8');
      const keys = await overlay.etcd.keys();
      await overlay.etcd.stop();
      await losePower(overlay, host);
      expect(await allConnected(overlay)).toBe(false);
      await using between = await SteadyPing.start(
        other.pods[0],
        third.pods[0].addresses.ipv4,
        overlay.file(other, 'ping'),
      );

      overlay.start(host);
      await host.waitReady(READY);
      await until(() => allConnected(overlay), 'all pods reach each other by what is remembered');
      expect(readFileSync(host.subnetFile, 'utf8')).toBe(env);
      const { status, body } = await host.health('/readyz');
      expect([status, body]).toEqual([
        200,
        expect.stringMatching(/^stale: the store has not answered .*last confirmed 20/m),
      ]);

      await using through = await SteadyPing.start(
        host.pods[0],
        other.pods[0].addresses.ipv4,
        overlay.file(host, 'ping'),
      );
      await overlay.etcd.start();
      await until(async () => !(await stale(overlay, host)), 'the host has heard of etcd');
      await overlay.settled(host, 2);
      expect((await host.health('/readyz')).body).not.toMatch(/^stale/m);
      expect((await through.stop()).lost).toEqual([]);
      expect((await between.stop()).lost).toEqual([]);
      expect(await allConnected(overlay)).toBe(true);
      // The same leases with the same values, and nothing else.
      const lines = (all: typeof keys): string[] =>
        all
          .filter(({ key }) => !key.startsWith(`${ETCD_PREFIX}/overlay/hosts/`))
          .map(({ key, value }) => `${key} ${value}`);
      expect(lines(await overlay.etcd.keys())).toEqual(lines(keys));
    },
  );
});

describeWithEtcd('what a host remembers', () => {
  test('is not used when its lease has ended meanwhile, nor when the file is damaged', async () => {
    await using overlay = await threeHosts('vxlan', '--subnet-lease-ttl=15s');
    const [host, other] = overlay.lab.hosts;
    await overlay.etcd.stop();
    await losePower(overlay, host);
    await losePower(overlay, other);
    const path = memoryOf(overlay, other);
    writeFileSync(path, readFileSync(path, 'utf8').replace('"vxlan"', '"vxlam"'));
    const ends = Number(/"own":.*?"expiresAt":(\d+)/.exec(readFileSync(memoryOf(overlay, host), 'utf8'))?.[1]);
    expect(ends).toBeGreaterThan(Date.now() - 60_000);
    await until(() => Date.now() > ends, 'the lease has ended');
    for (const [one, why] of [
      [host, /not used: this host's lease ended/],
      [other, /not used: it is damaged/],
    ] as const) {
      overlay.start(one);
      await until(() => why.test(readFileSync(one.logFile, 'utf8')), `${one.name} says why it does not use its memory`);
      expect((await one.health('/readyz')).status).toBe(503);
      expect(await overlay.objects(one, 'route show proto 111')).toEqual([]);
    }
    await overlay.etcd.start();
    await overlay.lab.waitReady(READY);
    await until(async () => (await overlay.etcd.keys(`${ETCD_PREFIX}/subnets`)).length === 3, 'all have leases again');
  });

  test('is gone on with when the network has changed meanwhile, and the change is pending', async () => {
    await using overlay = await threeHosts('vxlan');
    const [host] = overlay.lab.hosts;
    await losePower(overlay, host);
    await overlay.etcd.putNetConf(
      JSON.stringify({
        Network: '10.200.0.0/16',
        EnableIPv6: true,
        IPv6Network: 'fd00:200::/48',
        Backend: { Type: 'vxlan' },
      }),
    );
    await overlay.etcd.stop();
    overlay.start(host);
    await host.waitReady(READY);
    await until(() => allConnected(overlay), 'all pods reach each other by what is remembered');
    await using ping = await SteadyPing.start(
      host.pods[0],
      overlay.lab.hosts[1].pods[0].addresses.ipv4,
      overlay.file(host, 'ping'),
    );
    await overlay.etcd.start();
    await until(async () => (await overlay.status(host)).pending !== undefined, 'the change is pending');
    expect(await stale(overlay, host)).toBe(false);
    expect((await ping.stop()).lost).toEqual([]);
  });
});
