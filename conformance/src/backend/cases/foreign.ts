import { deepEqual, ok } from 'node:assert/strict';
import type { Family } from '@overlay/core';
import type { BackendTest } from '../context.js';
import type { ViewItem } from '../environment/view.js';
import { View } from '../environment/view.js';
import type { OverlayHost } from '../environment/overlay-host.js';
import { FIRST_UNUSED } from '../environment/shared-store.js';

/** Puts objects of others on a host, and gives what is there of them. */
async function foreignOn(host: OverlayHost, families: readonly Family[]): Promise<View> {
  const before = await host.view();
  await host.machine.addForeign(families);
  const foreign = (await host.view()).minus(before);
  ok(foreign.size >= 2 + 2 * families.length, foreign.items.map(({ text }) => text).join('; '));
  return foreign;
}

function still(foreign: View, now: View, when: string): void {
  const gone: ViewItem[] = foreign.items.filter((item) => !now.has(item));
  deepEqual(
    gone.map(({ text }) => text),
    [],
    `objects of others, ${when}`,
  );
}

export const foreign: readonly BackendTest[] = [
  {
    id: 'foreign-untouched',
    title: 'objects of others stay as they are through the whole life of an agent',
    features: [],
    needs: [],
    run: async (context) => {
      const world = await context.world({ hosts: 3 });
      const host = world.host(1);
      const theirs = await foreignOn(host, world.families);
      const lease = await world.leaseOf(world.host(3), FIRST_UNUSED);
      world.store.set(lease);
      await host.start();
      await world.host(2).start();
      await world.knows(host, 2);
      still(theirs, await host.view(), 'after the start');
      world.store.delete(lease.key);
      await world.knows(host, 1);
      host.running.attachment.audit();
      await world.knows(host, 1);
      still(theirs, await host.view(), 'after a peer went');
      await host.kill();
      await host.start();
      await world.knows(host, 1);
      still(theirs, await host.view(), 'after a restart');
      await host.stop();
      still(theirs, await host.view(), 'after the end');
    },
  },
  {
    id: 'own-marks',
    title: 'own objects bear the marks by which a later run, or a person, knows them',
    features: [],
    needs: [],
    run: async (context) => {
      const world = await context.world({ hosts: 2 });
      await world.join();
      const host = world.host(1);
      const own = world.own.get(host) ?? new View([]);
      deepEqual(host.running.attachment.unmarked(own), [], 'own objects without a mark');
      ok(own.size > 0, 'the backend put nothing in place');
    },
  },
];
