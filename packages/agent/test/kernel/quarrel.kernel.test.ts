import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { addressBits, makePrefix, prefixLength } from '@overlay/core';
import type { Address, Family, Prefix } from '@overlay/core';
import { ping } from '@overlay/lab';
import type { LabHost } from '@overlay/lab';
import { cpuMs } from '../support/cpu-time.js';
import { execute } from '../support/execute.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { overlayObjects } from '../support/overlay-objects.js';
import { SteadyPing } from '../support/steady-ping.js';
import { until } from '../support/until.js';
import { Vandal } from '../support/vandal.js';

const FAMILIES = ['ipv4', 'ipv6'] as const;
/** How long somebody quarrels with the agent, in milliseconds, and the share of a core that this may cost. */
const QUARREL_MS = 10_000;
const CORE_SHARE = 0.05;

async function lab(type: string, hosts: number): Promise<OverlayLab> {
  const overlay = await OverlayLab.create({ hosts, families: FAMILIES, backend: { Type: type } });
  try {
    await overlay.startAll();
    for (const host of overlay.lab.hosts) await overlay.settled(host, hosts - 1);
    return overlay;
  } catch (error) {
    await overlay[Symbol.asyncDispose]();
    throw error;
  }
}

async function body(host: LabHost): Promise<string> {
  return (await host.health('/readyz')).body;
}

async function onHost(host: LabHost, command: string): Promise<void> {
  await execute(['ip', '-n', host.netns, ...command.split(' ')]);
}

async function passes(from: LabHost, to: LabHost): Promise<boolean> {
  for (const family of FAMILIES) {
    const address = to.pods[0].addresses[family];
    if (address === undefined) throw new Error(`${to.name} has no ${family} pod`);
    if ((await ping(from.pods[0], address, { count: 1, timeout: 0.3 })).received === 0) return false;
  }
  return true;
}

/** Lets time go by while something is done, and tells how much of it the agent used: a share of one core. */
async function shareOf(host: LabHost, milliseconds: number): Promise<number> {
  const pid = host.agent?.pid;
  if (pid === undefined) throw new Error(`${host.name} has no agent`);
  const [before, start] = [cpuMs(pid), performance.now()];
  await until(() => performance.now() - start >= milliseconds, 'the time is over', milliseconds + 5000);
  return (cpuMs(pid) - before) / (performance.now() - start);
}

/** Where foreign routes are put in the way of ours to a subnet in which there is a pod: with what is said of each. */
function ways(family: Family, subnet: Prefix, pod: Address): readonly (readonly [route: string, harm: string])[] {
  const half = makePrefix(pod, prefixLength(subnet) + 1);
  const alone = makePrefix(pod, addressBits(family));
  const part = `takes its part of the traffic of ours to ${subnet}`;
  return [
    // IPv6 takes the smaller metric of two; 0 would be the default of 1024.
    [`add ${subnet} via GATEWAY dev eth0 metric ${family === 'ipv6' ? 10 : 0}`, 'goes before ours'],
    // Of what is longer the metric does not matter.
    [`add ${half} via GATEWAY dev eth0 metric 4000`, part],
    [`add blackhole ${alone} metric 4000 proto static`, part],
    // With the metric that IPv6 gives to whoever asks for none it has the very key of ours.
    ...(family === 'ipv6' ? [[`replace ${subnet} via GATEWAY dev eth0`, 'has the place of ours'] as const] : []),
  ];
}

describe.each(['vxlan', 'host-gw', 'udp'])('an agent of %s', (type) => {
  test('shows a foreign route in the way of ours with its remedy, and no longer when it is gone', async () => {
    await using overlay = await lab(type, 3);
    const [host, robbed, third] = [overlay.host(0), overlay.host(1), overlay.host(2)];
    const before = await overlayObjects(overlay, host);
    await using steady = await SteadyPing.start(
      host.pods[0],
      third.pods[0].addresses.ipv4,
      overlay.file(host.pods[0], 'third'),
    );
    const { subnets } = (await overlay.status(robbed))['ownLease'] as { subnets: Record<Family, Prefix> };
    const { gateways } = host.plan.segment;
    for (const family of FAMILIES) {
      const pod = robbed.pods[0].addresses[family];
      if (pod === undefined) throw new Error(`${robbed.name} has no ${family} pod`);
      for (const [way, harm] of ways(family, subnets[family], pod)) {
        await onHost(host, `${family === 'ipv6' ? '-6 ' : ''}route ${way.replace('GATEWAY', `${gateways[family]}`)}`);
        const shown = await until(
          async () =>
            new RegExp(`^peer ${robbed.name}: a foreign route to .* ${harm};.*`, 'm').exec(await body(host))?.[0],
          'the conflict is shown',
        );
        expect((await host.health('/readyz')).status).toBe(200);
        const { network } = (await overlay.status(host)) as {
          network: { problems: { peer: string; message: string }[] };
        };
        expect(network.problems).toEqual([{ peer: robbed.name, message: shown.replace(/^peer \w+: /, '') }]);
        expect(await passes(host, robbed)).toBe(false);
        // The remedy is typed as it is shown.
        const remedy = /if nobody needs it: ip (route del .*)$/.exec(shown)?.[1];
        if (remedy === undefined) throw new Error(`there is no remedy in: ${shown}`);
        await onHost(host, remedy);
        await until(async () => !(await body(host)).includes('foreign route'), 'the conflict is not shown any more');
        await until(() => passes(host, robbed), 'pings pass again');
      }
    }
    // What a host has of its own inside its subnet is in nobody's way.
    const own = host.pods[0].addresses;
    for (const family of FAMILIES)
      if (own[family]) await onHost(host, `route add ${own[family]} dev cni0 proto static`);
    expect(await body(host)).not.toContain('foreign route');
    expect(await overlayObjects(overlay, host)).toEqual(before);
    const { answered, lost } = await steady.stop();
    expect(answered).toBeGreaterThan(100);
    expect(lost).toEqual([]);
  }, 90_000);
});

describe.each(['vxlan', 'host-gw'])('an agent of %s', (type) => {
  test('spends little on somebody who deletes a route every 10 ms, and says it once', async () => {
    await using overlay = await lab(type, 3);
    const [host, robbed, third] = [overlay.host(0), overlay.host(1), overlay.host(2)];
    const before = await overlayObjects(overlay, host);
    const { ownLease } = (await overlay.status(robbed)) as { ownLease: { subnets: { ipv4: string } } };
    const route = ownLease.subnets.ipv4;
    await using steady = await SteadyPing.start(
      host.pods[0],
      third.pods[0].addresses.ipv4,
      overlay.file(host.pods[0], 'third'),
    );
    const writes = async (): Promise<number> => (await overlay.status(host))['kernelWrites'] as number;
    const written = await writes();
    const logged = readFileSync(host.logFile, 'utf8').length;
    let share: number;
    {
      await using vandal = new Vandal(host, `route del ${route} proto 111`, 10);
      share = await shareOf(host, QUARREL_MS);
      expect(vandal.times).toBeGreaterThan(QUARREL_MS / 20);
      expect((await body(host)).split('\n')).toContainEqual(
        expect.stringMatching(new RegExp(`^peer ${robbed.name}: route ${route} .*somebody undid it \\d+ times`)),
      );
      expect((await host.health('/readyz')).status).toBe(200);
    }
    const restored = (await writes()) - written;
    // At once a few times, then at growing distances.
    expect(restored).toBeGreaterThan(8);
    expect(restored).toBeLessThan(40);
    expect(share).toBeLessThan(CORE_SHARE);
    const lines = readFileSync(host.logFile, 'utf8').slice(logged).trim().split('\n');
    expect(lines).toEqual([expect.stringContaining('somebody keeps undoing it')]);
    // It comes back when it is left alone.
    await until(
      async () => (await overlayObjects(overlay, host)).length === before.length,
      'the route is back',
      20_000,
    );
    expect(await overlayObjects(overlay, host)).toEqual(before);
    expect(await passes(host, robbed)).toBe(true);
    const { answered, lost } = await steady.stop();
    expect(answered).toBeGreaterThan(1000);
    expect(lost).toEqual([]);
  }, 60_000);
});

describe('an agent of vxlan whose host is tampered with', () => {
  test('makes its device at most three times a minute again, and restores forwarding by its audit', async () => {
    await using overlay = await lab('vxlan', 2);
    const [host, peer] = [overlay.host(0), overlay.host(1)];
    const before = await overlayObjects(overlay, host);
    const forwarding = async (): Promise<string> =>
      (await peer.exec(['cat', '/proc/sys/net/ipv4/ip_forward'])).stdout.trim();
    await peer.exec(['sh', '-c', 'echo 0 >/proc/sys/net/ipv4/ip_forward']);
    const indices = new Set<unknown>();
    const look = async (): Promise<void> => {
      for (const { ifname, ifindex } of await overlay.objects(host, 'link show')) {
        if (ifname === 'flannel.1') indices.add(ifindex);
      }
    };
    await look();
    const log = overlay.file(host, 'devices');
    const monitor = host.spawn(['ip', '-o', 'monitor', 'link'], { logFile: log });
    try {
      await using vandal = new Vandal(host, 'link del flannel.1', 10);
      const share = await shareOf(host, QUARREL_MS);
      expect(vandal.times).toBeGreaterThan(QUARREL_MS / 20);
      expect(share).toBeLessThan(CORE_SHARE);
    } finally {
      monitor.kill('SIGKILL');
    }
    for (const [, index] of readFileSync(log, 'utf8').matchAll(/^(?:Deleted )?(\d+): flannel\.1:/gm)) {
      indices.add(Number(index));
    }
    // The one that was there, and those that were made after it.
    expect(indices.size).toBeGreaterThan(1);
    expect(indices.size).toBeLessThanOrEqual(1 + 3);
    const { status, body: text } = await host.health('/readyz');
    expect(status).toBe(503);
    expect(text).toMatch(/device flannel\.1: it was deleted 3 times within a minute by somebody else/);
    await until(async () => (await overlayObjects(overlay, host)).length === before.length, 'it is back', 100_000);
    expect(await overlayObjects(overlay, host)).toEqual(before);
    await until(async () => (await forwarding()) === '1', 'the host forwards again', 80_000);
    await until(() => passes(host, peer), 'pings pass again');
    expect(readFileSync(peer.logFile, 'utf8')).toMatch(/ip_forward.*0.*1/);
  }, 240_000);
});
