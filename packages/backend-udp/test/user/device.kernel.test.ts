import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ping } from '@overlay/lab';
import { loadNativeEngine } from '../../dist/user/native.js';
import { encodeEndpoints } from '../../dist/user/records.js';
import { UdpHosts } from '../support/udp-hosts.js';

const HEAL_MS = 30_000;

let hosts: UdpHosts;
afterEach(() => hosts[Symbol.asyncDispose]());

async function reached(): Promise<boolean> {
  const [pod] = hosts.hosts[0].host.pods;
  const to = hosts.hosts[1].host.pods[0].addresses.ipv4;
  if (to === undefined) throw new Error('no address');
  for (const end = Date.now() + HEAL_MS; Date.now() < end;) {
    const { received } = await ping(pod, to, { count: 1 });
    if (received > 0) return true;
  }
  return false;
}

async function links(argv: string): Promise<{ ifindex: number; mtu: number; ifalias?: string; flags: string[] }[]> {
  const { stdout } = await hosts.hosts[0].host.exec(['ip', '-d', '-j', ...argv.split(' ')]);
  return JSON.parse(stdout) as Awaited<ReturnType<typeof links>>;
}

describe('the device of the user path', () => {
  test('is made again when it was deleted, with all that was on it', async () => {
    hosts = await UdpHosts.create({ hosts: [{}, {}], families: ['ipv4'] });
    const [{ host }] = hosts.hosts;
    expect(await reached()).toBe(true);
    const [before] = await links('link show flannel0');
    expect(before).toMatchObject({ mtu: 1472, ifalias: 'overlay:default', linkinfo: { info_kind: 'tun' } });
    await host.exec(['ip', 'link', 'del', 'flannel0']);
    expect(await reached()).toBe(true);
    const [after] = await links('link show flannel0');
    expect(after.ifindex).not.toBe(before.ifindex);
    expect(after).toMatchObject({ mtu: 1472, ifalias: 'overlay:default' });
  }, 180_000);

  test('is mended when it was changed', async () => {
    hosts = await UdpHosts.create({ hosts: [{}, {}], families: ['ipv4'] });
    const [{ host }] = hosts.hosts;
    await host.exec(['ip', 'link', 'set', 'flannel0', 'mtu', '1300', 'down']);
    expect(await reached()).toBe(true);
    const end = Date.now() + HEAL_MS;
    while ((await links('link show flannel0'))[0].mtu !== 1472 && Date.now() < end);
    const [after] = await links('link show flannel0');
    expect(after.mtu).toBe(1472);
    expect(after.flags).toContain('UP');
  }, 180_000);

  test('costs no processor time while there are no packets', async () => {
    hosts = await UdpHosts.create({ hosts: [{}], families: ['ipv4'] });
    const [{ host }] = hosts.hosts;
    const clockTicks = (): number => {
      const threads = readdirSync('/proc/self/task').map((id) => readFileSync(`/proc/self/task/${id}/stat`, 'utf8'));
      // utime and stime, fields 14 and 15 of proc(5), the name in parentheses being the second.
      const times = threads
        .filter((stat) => stat.includes('(overlay-udp)'))
        .map((stat) => stat.split(' ').slice(13, 15));
      expect(times.length).toBeGreaterThan(0);
      return times.flat().reduce((sum, ticks) => sum + Number(ticks), 0);
    };
    const before = clockTicks();
    await host.exec(['sleep', '1']);
    expect(clockTicks() - before).toBeLessThanOrEqual(2);
  }, 180_000);

  test('and the engine end and begin again 50 times without leaving a thread or a descriptor', async () => {
    hosts = await UdpHosts.create({ hosts: [{}], families: ['ipv4'] });
    const [one] = hosts.hosts;
    const native = loadNativeEngine();
    const count = (what: string): number => readdirSync(`/proc/self/${what}`).length;
    const cycle = (): void => {
      const engine = native.create();
      native.start(engine, 'trial0', 2, 100, encodeEndpoints({}, 1), `/run/netns/${one.host.netns}`);
      expect(native.state(engine)).toMatchObject({ running: true, lost: false });
      native.stop(engine);
      native.close(engine);
    };
    cycle();
    const before = [count('fd'), count('task')];
    for (let i = 0; i < 50; i += 1) cycle();
    expect([count('fd'), count('task')]).toEqual(before);
    const { stdout } = await one.host.exec(['ip', 'link', 'show', 'trial0']);
    expect(stdout).toContain('trial0');
  }, 180_000);
});
