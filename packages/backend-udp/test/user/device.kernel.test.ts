import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '@overlay/core/testing';
import { UdpHosts } from '../support/udp-hosts.js';

const HEAL_MS = 30_000;
/** What 10,000 engines, each of which held 700 KiB, may leave in their process, the JavaScript included. */
const MOST_GROWTH_KIB = 8192;
const REOPENING = fileURLToPath(new URL('../support/reopening.js', import.meta.url));

let hosts: UdpHosts;
afterEach(() => hosts[Symbol.asyncDispose]());

async function links(argv: string): Promise<{ ifindex: number; mtu: number; ifalias?: string; flags: string[] }[]> {
  const { stdout } = await hosts.ends[0].host.exec(['ip', '-d', '-j', ...argv.split(' ')]);
  return JSON.parse(stdout) as Awaited<ReturnType<typeof links>>;
}

describe('the device of the user path', () => {
  test('is made again when it was deleted, with all that was on it', async () => {
    hosts = await UdpHosts.create({ dataPath: 'user' });
    const [{ host }] = hosts.ends;
    await hosts.reached();
    const [before] = await links('link show flannel0');
    expect(before).toMatchObject({ mtu: 1472, ifalias: 'overlay:default', linkinfo: { info_kind: 'tun' } });
    await host.exec(['ip', 'link', 'del', 'flannel0']);
    await hosts.reached();
    const [after] = await links('link show flannel0');
    expect(after.ifindex).not.toBe(before.ifindex);
    expect(after).toMatchObject({ mtu: 1472, ifalias: 'overlay:default' });
  }, 180_000);

  test('is mended when it was changed', async () => {
    hosts = await UdpHosts.create({ dataPath: 'user' });
    const [{ host }] = hosts.ends;
    await host.exec(['ip', 'link', 'set', 'flannel0', 'mtu', '1300', 'down']);
    await hosts.reached();
    await until('the MTU is mended', async () => (await links('link show flannel0'))[0].mtu === 1472, HEAL_MS);
    const [after] = await links('link show flannel0');
    expect(after.mtu).toBe(1472);
    expect(after.flags).toContain('UP');
  }, 180_000);

  test('costs no processor time while there are no packets', async () => {
    hosts = await UdpHosts.create({ dataPath: 'user' });
    const [{ host }] = hosts.ends;
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

  test('and the engine end and begin again 10,000 times without leaving a thread, a descriptor or memory', async () => {
    hosts = await UdpHosts.create({ dataPath: 'user' });
    const [{ host }] = hosts.ends;
    // A process of its own: what the allocator does depends on all that happened in a process before. Nothing but the engines
    // is to be seen, so what JavaScript has thrown away is collected.
    const { stdout } = await host.exec([process.execPath, '--expose-gc', REOPENING, '10000']);
    const { before, after } = JSON.parse(stdout) as Record<'before' | 'after', Record<string, number>>;
    expect({ ...after, anonymousKiB: 0 }).toEqual({ ...before, anonymousKiB: 0 });
    expect(after.anonymousKiB - before.anonymousKiB).toBeLessThan(MOST_GROWTH_KIB);
    expect(await links('link show trial0')).toHaveLength(1);
  }, 180_000);
});
