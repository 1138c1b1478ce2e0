import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { Address, PerFamily } from '@overlay/core';
import { ping } from '@overlay/lab';
import type { LabHost } from '@overlay/lab';
import { KernelMonitor } from '../support/kernel-monitor.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { overlayObjects } from '../support/overlay-objects.js';
import { SteadyPing } from '../support/steady-ping.js';
import { Underlay } from '../support/underlay.js';
import { until } from '../support/until.js';

const FAMILIES = ['ipv4', 'ipv6'] as const;
/** Within this time of the event devices and addresses are back, and pings pass; in milliseconds. */
const HEALED_MS = 1000;
const NEW_MAC = '02:00:00:00:0e:0e';

const other = (addresses: PerFamily<Address>): PerFamily<Address> => ({
  ipv4: addresses.ipv4?.replace(/\d+$/, '111') as Address,
  ipv6: addresses.ipv6?.replace(/[\da-f]+$/, '111') as Address,
});

/** A file's content, and what tells that it was written again. */
function fileState(path: string): object {
  const { ino, mtimeMs } = statSync(path);
  return { ino, mtimeMs, text: readFileSync(path, 'utf8') };
}

/** Two hosts with pods that ping each other in both families. */
async function twoHosts(type: string) {
  const overlay = await OverlayLab.create({ hosts: 2, families: FAMILIES, backend: { Type: type } });
  try {
    await overlay.startAll();
    const [host, peer] = [overlay.host(0), overlay.host(1)];
    await overlay.settled(host, 1);
    await overlay.settled(peer, 1);
    const pings: SteadyPing[] = [];
    for (const family of FAMILIES) {
      const [from, to] = [host.pods[0], peer.pods[0]];
      pings.push(await SteadyPing.start(from, to.addresses[family], overlay.file(from, family)));
    }
    return {
      overlay,
      host,
      peer,
      underlay: new Underlay(overlay.lab, host),
      subnets: async () => ((await overlay.status(host))['ownLease'] as { subnets: object }).subnets,
      passing: async () => {
        for (const each of pings) await each.goesOn();
      },
      lost: async () => {
        const counts = [];
        for (const each of pings) counts.push(await each.stop());
        return counts;
      },
      async [Symbol.asyncDispose]() {
        for (const each of pings) await each[Symbol.asyncDispose]();
        await overlay[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await overlay[Symbol.asyncDispose]();
    throw error;
  }
}

async function readyz(host: LabHost): Promise<{ status: number; body: string }> {
  return await host.health('/readyz');
}

describe.each(['vxlan', 'host-gw'])('an agent of %s whose host changes', (type) => {
  test('makes everything again when its interface was replaced, and nobody else has anything to do', async () => {
    await using lab = await twoHosts(type);
    const { overlay, host, peer, underlay } = lab;
    const [before, file, subnets] = [
      await overlayObjects(overlay, host),
      fileState(host.subnetFile),
      await lab.subnets(),
    ];
    const [{ ifindex }] = await overlay.objects(host, 'link show dev eth0');
    await using monitor = await KernelMonitor.start(peer, overlay.file(peer, 'monitor'));

    await underlay.remove();
    await until(async () => (await readyz(host)).status === 503, 'the agent is not ready without an interface');
    expect((await readyz(host)).body).toContain('waiting: interface: --iface eth0: there is no such interface');
    expect((await readyz(peer)).status).toBe(200);
    await underlay.create();
    const created = performance.now();
    await until(async () => {
      const now = await overlayObjects(overlay, host);
      return before.every((line, i) => line === now[i]);
    }, 'everything is in the kernel again').catch(() => undefined);
    const restoredMs = performance.now() - created;
    expect(await overlayObjects(overlay, host)).toEqual(before);
    await lab.passing();
    const passingMs = performance.now() - created;
    expect(restoredMs).toBeLessThan(HEALED_MS);
    expect(passingMs).toBeLessThan(HEALED_MS);

    await until(async () => (await readyz(host)).status === 200, 'the agent is ready again');
    const [again] = await overlay.objects(host, 'link show dev eth0');
    expect(again['ifindex']).not.toBe(ifindex);
    expect(await lab.subnets()).toEqual(subnets);
    expect(fileState(host.subnetFile)).toEqual(file);
    // What an agent makes: routes of our protocol, permanent neighbours and forwarding entries.
    const changes = (await monitor.changes()).filter((line) => /proto 111|permanent/i.test(line));
    expect(changes).toEqual([]);
    for (const { answered } of await lab.lost()) expect(answered).toBeGreaterThan(100);
  }, 60_000);

  test.each([
    [
      'came back with another MAC',
      async (underlay: Underlay) => {
        await underlay.remove();
        await underlay.create(NEW_MAC);
      },
    ],
    ['got another MAC', async (underlay: Underlay) => underlay.setMac(NEW_MAC)],
  ])(
    'is found by its peers when its interface %s',
    async (_, change) => {
      await using lab = await twoHosts(type);
      const { overlay, host, peer, underlay } = lab;
      const macs = async (): Promise<unknown[]> => {
        const found = await overlay.objects(peer, 'neigh show dev eth0');
        const ofHost = Object.values(host.addresses);
        return found.filter(({ dst }) => ofHost.includes(dst as Address)).map(({ lladdr }) => lladdr);
      };
      await until(async () => (await macs()).length === 2, 'the peer knows the host');
      expect(await macs()).not.toContain(NEW_MAC);
      await change(underlay);
      const changed = performance.now();
      await until(async () => (await macs()).join() === `${NEW_MAC},${NEW_MAC}`, 'the peer knows the MAC');
      await lab.passing();
      expect(performance.now() - changed).toBeLessThan(HEALED_MS);
      for (const { answered } of await lab.lost()) expect(answered).toBeGreaterThan(100);
    },
    60_000,
  );

  test('tells its peers of another address, and they follow', async () => {
    await using lab = await twoHosts(type);
    const { overlay, host, peer, underlay } = lab;
    const [file, subnets] = [fileState(host.subnetFile), await lab.subnets()];
    const [old, now] = [host.addresses, other(host.addresses)];
    const wanted = async (): Promise<string> => (await overlayObjects(overlay, peer)).join('\n');
    const before = await wanted();
    for (const family of FAMILIES) expect(before).toContain(old[family]);

    await underlay.readdress(now);
    const changed = performance.now();
    await until(async () => {
      const text = await wanted();
      return FAMILIES.every((family) => text.includes(String(now[family])));
    }, 'the peer has the new addresses').catch(() => undefined);
    const followedMs = performance.now() - changed;
    await lab.passing();
    const passingMs = performance.now() - changed;
    const after = await wanted();
    const replaced = FAMILIES.reduce((text, f) => text.replaceAll(String(old[f]), String(now[f])), before);
    expect(after.split('\n').sort()).toEqual(replaced.split('\n').sort());
    expect(followedMs).toBeLessThan(HEALED_MS);
    expect(passingMs).toBeLessThan(HEALED_MS);
    if (type === 'vxlan') {
      const devices = (await overlayObjects(overlay, host)).filter((line) => line.includes('ifname'));
      expect(devices.join('\n')).toContain(`"local":"${now.ipv4}"`);
      expect(devices.join('\n')).toContain(`"local6":"${now.ipv6}"`);
    }
    expect(await lab.subnets()).toEqual(subnets);
    expect(fileState(host.subnetFile)).toEqual(file);
    for (const { answered } of await lab.lost()) expect(answered).toBeGreaterThan(100);
  }, 60_000);

  test('follows the MTU of its interface down and up without losing a packet', async () => {
    await using lab = await twoHosts(type);
    const { overlay, host, peer, underlay } = lab;
    const before = await overlayObjects(overlay, host);
    const overhead = type === 'vxlan' ? 70 : 0;
    const env = (): string => readFileSync(host.subnetFile, 'utf8');
    const text = env();
    expect(text).toContain(`FLANNEL_MTU=${1500 - overhead}\n`);
    for (const mtu of [1400, 1500]) {
      await underlay.setMtu(mtu);
      const changed = performance.now();
      await until(() => env().includes(`FLANNEL_MTU=${mtu - overhead}\n`), `subnet.env follows to ${mtu}`);
      expect(performance.now() - changed).toBeLessThan(HEALED_MS);
      expect(env()).toBe(text.replace(/MTU=\d+/, `MTU=${mtu - overhead}`));
      await until(async () => {
        const now = await overlayObjects(overlay, host);
        const devices = before.map((line) => line.replace(/"mtu":(\d+)/, (_, n) => `"mtu":${Number(n) + mtu - 1500}`));
        return now.every((line, i) => line === devices[i]);
      }, 'the devices follow, and nothing else has changed');
      expect((await overlay.status(host))['mtu']).toBe(mtu - overhead);
      await lab.passing();
    }
    // A packet of the full size that subnet.env promises passes whole.
    const [from, to] = [host.pods[0], peer.pods[0].addresses.ipv4];
    if (to === undefined) throw new Error('the peer has no pod to ping');
    expect((await ping(from, to, { packetSize: 1500 - overhead })).received).toBe(3);
    for (const { answered, lost } of await lab.lost()) {
      expect(answered).toBeGreaterThan(100);
      expect(lost).toEqual([]);
    }
  }, 60_000);

  test('stays as it is while its interface has no carrier', async () => {
    await using lab = await twoHosts(type);
    const { overlay, host, underlay } = lab;
    const running = async (): Promise<unknown> =>
      ((await overlay.status(host))['host'] as { interface: { running: boolean } }).interface.running;
    const [before, file] = [await overlayObjects(overlay, host), fileState(host.subnetFile)];
    expect(await running()).toBe(true);
    await underlay.setCarrier('off');
    await until(async () => (await running()) === false, 'the status says that the carrier is lost');
    expect((await readyz(host)).status).toBe(200);
    await underlay.setCarrier('on');
    const back = performance.now();
    await lab.passing();
    expect(performance.now() - back).toBeLessThan(HEALED_MS);
    await until(async () => (await running()) === true, 'the status says that the carrier is back');
    expect(await overlayObjects(overlay, host)).toEqual(before);
    expect(fileState(host.subnetFile)).toEqual(file);
    for (const { answered } of await lab.lost()) expect(answered).toBeGreaterThan(100);
  }, 60_000);
});
