import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { LabHost } from '@overlay/lab';
import { KernelMonitor } from '../support/kernel-monitor.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { SteadyPing } from '../support/steady-ping.js';
import { until } from '../support/until.js';

const BOTH = ['ipv4', 'ipv6'] as const;
const GONE = '10.244.200.0-24&fd00:244:0:200::-64';
const MOVED = '10.244.201.0-24&fd00:244:0:201::-64';

/** The lease of a host that nobody can reach, in the form of the store; all backends read it. */
function lease(type: string, host: string, number: number): object {
  const mac = `02:00:00:00:00:${number.toString(16).padStart(2, '0')}`;
  const data = { VNI: 1, VtepMAC: mac };
  const carried = type === 'vxlan' ? { BackendData: data, BackendV6Data: data } : {};
  return {
    PublicIP: number4(number),
    PublicIPv6: number6(number),
    BackendType: type === 'udp' ? '' : type,
    ...carried,
    HostID: host,
  };
}

let underlay4 = '';
let underlay6 = '';
const number4 = (number: number): string => `${underlay4}${number}`;
const number6 = (number: number): string => `${underlay6}${number.toString(16)}`;

async function killed(host: LabHost): Promise<void> {
  host.agent?.kill('SIGKILL');
  await host.agent?.exited;
}

describe.each(['vxlan', 'host-gw', 'udp'])('an agent of %s that is killed and started again', (type) => {
  test('loses no packet, forgets a peer that went meanwhile, and follows one that changed', async () => {
    await using overlay = await OverlayLab.create({ hosts: 2, families: BOTH, backend: { Type: type } });
    const [host, other] = [overlay.host(0), overlay.host(1)];
    underlay4 = String(host.addresses.ipv4).replace(/\d+$/, '');
    underlay6 = String(host.addresses.ipv6).replace(/[\da-f]+$/, '');
    await overlay.startAll();
    overlay.putLease(GONE, lease(type, 'gone', 200));
    overlay.putLease(MOVED, lease(type, 'moved', 201));
    await overlay.settled(host, 3);
    const before = (await overlay.everything(host)).join('\n');
    expect(before).toContain('10.244.200.0/24');
    expect(before).toContain('fd00:244:0:200::/64');

    const [from, to] = [host.pods[0], other.pods[0]];
    await using ping4 = await SteadyPing.start(from, to.addresses.ipv4, overlay.file(from, 'ping4'));
    await using ping6 = await SteadyPing.start(from, to.addresses.ipv6, overlay.file(from, 'ping6'));
    await Promise.all([killed(host), killed(other)]);
    overlay.removeLease(GONE);
    overlay.putLease(MOVED, lease(type, 'moved', 202));
    await ping4.goesOn();
    overlay.start(host);
    overlay.start(other);
    await overlay.lab.waitReady();
    await overlay.settled(host, 2);
    await overlay.settled(other, 2);

    // Removals come after everything that is wanted is there.
    const left = async (): Promise<string[]> =>
      (await overlay.everything(host)).filter((line) => /10\.244\.200\.|fd00:244:0:200:/.test(line));
    await until(async () => (await left()).length === 0, 'nothing of the host that went is left').catch(
      () => undefined,
    );
    expect(await left()).toEqual([]);
    const after = (await overlay.everything(host)).join('\n');
    // Where a peer of udp is, only the map of its programs tells; what becomes of that the suite of backends tests.
    if (type !== 'udp') {
      const [old, now] = type === 'vxlan' ? ['02:00:00:00:00:c9', '02:00:00:00:00:ca'] : [number4(201), number4(202)];
      expect(before).toContain(old);
      expect(after).not.toContain(old);
      expect(after).toContain(now);
      expect(after).not.toContain(number4(200));
      expect(after).toContain(number6(202));
    }
    const [count4, count6] = [await ping4.stop(), await ping6.stop()];
    expect(count4.lost).toEqual([]);
    expect(count6.lost).toEqual([]);
    expect(count4.answered).toBeGreaterThan(500);
    expect(count6.answered).toBeGreaterThan(500);
  }, 60_000);

  test('writes nothing to the kernel when nothing has changed', async () => {
    await using overlay = await OverlayLab.create({ hosts: 3, families: BOTH, backend: { Type: type } });
    for (const each of overlay.lab.hosts) overlay.start(each);
    await overlay.lab.waitReady();
    const host = overlay.host(0);
    await overlay.settled(host, 2);
    // The kernel still has to find out that nobody else has the link-local addresses of new devices.
    const tentative = async (): Promise<number> => (await overlay.objects(host, '-6 addr show tentative')).length;
    await until(async () => (await tentative()) === 0, 'the addresses of all devices are settled');
    const before = await overlay.everything(host);
    expect((await overlay.status(host))['kernelWrites']).toBeGreaterThan(0);
    await using monitor = await KernelMonitor.start(host, overlay.file(host, 'monitor'));
    await killed(host);
    overlay.start(host);
    await host.waitReady();
    await overlay.settled(host, 2);
    expect((await overlay.status(host))['kernelWrites']).toBe(0);
    // Neighbours that the kernel itself learns and forgets come and go; those made by somebody are permanent.
    const changes = (await monitor.changes()).filter((line) => !/\[NEIGH\]/.test(line) || line.includes('PERMANENT'));
    expect(changes).toEqual([]);
    expect(await overlay.everything(host)).toEqual(before);

    // What is missing is all that is written.
    await killed(host);
    const [route] = await overlay.objects(host, '-4 route show proto 111');
    await host.exec(['ip', 'route', 'del', String(route['dst'])]);
    overlay.start(host);
    await host.waitReady();
    await overlay.settled(host, 2);
    expect((await overlay.status(host))['kernelWrites']).toBe(1);
    expect(await overlay.everything(host)).toEqual(before);
    expect(await monitor.changes()).toContainEqual(expect.stringContaining(`[ROUTE]${String(route['dst'])}`));
  }, 60_000);
});

test.each([
  { told: 'knows what it had', forgets: false },
  { told: 'has lost its state', forgets: true },
])(
  'an agent that $told, and was of udp when it was killed, leaves no program',
  async ({ forgets }) => {
    await using overlay = await OverlayLab.create({ hosts: 1, backend: { Type: 'udp', DataPath: 'kernel' } });
    const host = overlay.host(0);
    const programs = async (): Promise<boolean> =>
      (await host.exec(['tc', 'filter', 'show', 'dev', 'eth0', 'ingress'])).stdout.includes('overlay:');
    overlay.start(host);
    await host.waitReady();
    expect(await programs()).toBe(true);
    await killed(host);
    if (forgets) rmSync(overlay.file(host, 'state'), { recursive: true });
    const conf = JSON.parse(readFileSync(overlay.netConf, 'utf8')) as object;
    writeFileSync(overlay.netConf, JSON.stringify({ ...conf, Backend: { Type: 'host-gw' } }));
    overlay.start(host, '--retire-after=1s');
    await host.waitReady();
    await until(async () => !(await programs()), 'the program is gone');
    expect((await host.exec(['tc', 'qdisc', 'show', 'dev', 'eth0'])).stdout).not.toContain('clsact');
  },
  60_000,
);
