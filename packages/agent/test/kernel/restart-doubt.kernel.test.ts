import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { madeUpLease } from '../support/made-up-lease.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { overlayObjects } from '../support/overlay-objects.js';
import { run } from '../support/program.js';
import { readStore } from '../support/store-folder.js';
import { SteadyPing } from '../support/steady-ping.js';
import { until } from '../support/until.js';

const BOTH = ['ipv4', 'ipv6'] as const;
const HOLD_MS = 12_000;

interface Held {
  readonly key: string;
  readonly what: string;
}

const CASES = ['vxlan', 'host-gw', 'udp'].flatMap((type) => [
  { type, lost: 'all of them', stays: false },
  { type, lost: 'those of all peers but one', stays: true },
]);

describe('an agent that was killed before its store lost leases', () => {
  test.each(CASES)(
    'keeps the way to its peers for the hold: $type, $lost',
    async ({ type, stays }) => {
      await using overlay = await OverlayLab.create({ hosts: 3, families: BOTH, backend: { Type: type } });
      const { store } = overlay;
      const [host, second, third] = overlay.lab.hosts;
      await overlay.startAll();
      for (const number of [1, 2]) {
        const { name, value } = madeUpLease(overlay, type, { number, endpoint: 100 + number });
        overlay.putLease(name, value);
      }
      await overlay.settled(host, 4);
      const before = await overlayObjects(overlay, host);
      const subnets = await routed(overlay);
      expect(subnets).toHaveLength(8);
      const ping = async (to: typeof third): Promise<SteadyPing> =>
        await SteadyPing.start(host.pods[0], to.pods[0].addresses.ipv4, overlay.file(to, 'ping'));
      await using toSecond = await ping(second);
      await using toThird = await ping(third);
      // A host whose agent is down carries traffic, and cannot write its lease again.
      for (const each of overlay.lab.hosts) each.agent?.kill('SIGKILL');
      for (const each of overlay.lab.hosts) await each.agent?.exited;
      for (const [name, text] of readStore(store)) {
        if (!stays || !text.includes('"HostID":"h2"')) rmSync(join(store, name));
      }
      overlay.start(host, `--doubt-hold=${HOLD_MS}ms`);
      await host.waitReady();

      const kept = stays ? await routedTo(overlay, second) : [];
      const lost = subnets.filter((subnet) => !kept.includes(subnet));
      const held = await until(async () => {
        const { heldRemovals } = (await overlay.status(host)) as { heldRemovals: Held[] };
        return heldRemovals.length > 0 && heldRemovals;
      }, 'removals are held');
      expect(held.map(({ key }) => key).sort()).toEqual(lost);
      for (const { what } of held) expect(what).toBe('unlisted');
      const args = ['status', `--run-dir=${overlay.file(host, 'control')}`];
      const { stdout: output } = await run({ name: 'overlay', netns: host.netns, args });
      expect(output).toMatch(new RegExp(`^removals +${lost.length} peers' subnets would go at once`, 'm'));
      // A new peer does not wait.
      const { name, value } = madeUpLease(overlay, type, { number: 9, endpoint: 109 });
      overlay.putLease(name, value);
      await until(async () => (await routed(overlay)).includes('10.244.109.0/24'), 'a new peer has its route');
      for (const each of [toSecond, toThird]) await each.goesOn();
      const during = await overlayObjects(overlay, host);
      for (const object of before) expect(during).toContain(object);
      expect(((await overlay.status(host))['heldRemovals'] as Held[]).length).toBe(lost.length);
      for (const each of [toSecond, toThird]) {
        const { answered, lost: unanswered } = await each.stop();
        expect(answered).toBeGreaterThan(200);
        expect(unanswered).toEqual([]);
      }

      await until(async () => (await overlay.status(host))['heldRemovalCount'] === 0, 'nothing is held any more');
      const expected = [...kept, '10.244.109.0/24', 'fd00:244:0:109::/64'].sort();
      await until(async () => String(await routed(overlay)) === String(expected), 'what is gone has been removed');
      const after = (await overlay.everything(host)).join('\n');
      for (const number of [101, 102]) expect(after).not.toContain(`10.244.${number}.`);
    },
    90_000,
  );
});

/** The subnets of peers to which the first host has routes. */
async function routed(overlay: OverlayLab): Promise<string[]> {
  const host = overlay.host(0);
  const routes = [
    ...(await overlay.objects(host, '-4 route show proto 111')),
    ...(await overlay.objects(host, '-6 route show proto 111')),
  ];
  return routes
    .map(({ dst }) => String(dst))
    .filter((dst) => /\/(24|64)$/.test(dst))
    .sort();
}

/** The subnets of a host, as far as the first one has routes to them. */
async function routedTo(overlay: OverlayLab, { pods: [pod] }: OverlayLab['lab']['hosts'][number]): Promise<string[]> {
  const { ipv4 = '', ipv6 = '' } = pod.addresses;
  const starts = [ipv4.replace(/\d+$/, '0/'), ipv6.replace(/::.*$/, '::/')];
  return (await routed(overlay)).filter((subnet) => starts.some((start) => subnet.startsWith(start)));
}
