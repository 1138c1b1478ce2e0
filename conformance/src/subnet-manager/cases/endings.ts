import { equal, notEqual, ok, rejects } from 'node:assert/strict';
import { errorCode } from '@overlay/core';
import { WatchedLeases } from '@overlay/core/testing';
import type { SubnetManagerTest } from '../context.js';
import { attributes, CONFS, EIGHT } from '../context.js';

const ABORTED = { code: 'OVERLAY_ABORTED' };
const CLOSED = { code: 'OVERLAY_CLOSED' };

/** How an acquisition ended, in a word. */
function ending(acquiring: Promise<unknown>): Promise<string | undefined> {
  return acquiring.then(
    () => 'acquired',
    (error: unknown) => errorCode(error),
  );
}

export const endings: readonly SubnetManagerTest[] = [
  {
    id: 'abort',
    title: 'operations stop when told, before they begin and while they wait',
    features: [],
    needs: [],
    run: async (context) => {
      const on = context.manager(EIGHT);
      const request = { hostId: 'host-1', netConf: EIGHT, attributes: attributes(1, EIGHT) };
      const signal = AbortSignal.abort();
      await rejects(on.acquire(request, { signal }), ABORTED);
      await rejects(on.previous('host-1', { signal }), ABORTED);
      const midway = new AbortController();
      const acquiring = ending(on.acquire(request, { signal: midway.signal }));
      midway.abort();
      const ended = await acquiring;
      // A store that is in memory may have answered before anybody could say anything.
      if (context.supports.persistent) equal(ended, 'OVERLAY_ABORTED', 'an acquisition that was aborted at once');
      else ok(['acquired', 'OVERLAY_ABORTED'].includes(ended ?? ''), ended);
      const { own } = await context.acquire(on, 1, EIGHT);
      await rejects(own.publish(attributes(3, EIGHT), { signal }), ABORTED);
    },
  },
  {
    id: 'close',
    title: 'closing ends the streams and refuses what comes after; doing it again does nothing',
    features: [],
    needs: [],
    run: async (context) => {
      const on = context.manager();
      const watched = new WatchedLeases(on);
      const { own } = await context.acquire(on, 1);
      let ended = false;
      own.state$.subscribe({ complete: () => (ended = true) });
      await Promise.all([on.close(), on.close()]);
      await on.close();
      ok(watched.completed, 'leases$ completes');
      equal(watched.error, undefined);
      ok(ended, 'state$ completes');
      const request = { hostId: 'host-1', netConf: CONFS.ipv4, attributes: attributes(1, CONFS.ipv4) };
      await rejects(on.acquire(request, context), CLOSED);
      await rejects(on.previous('host-1', context), CLOSED);
      await rejects(own.publish(attributes(2, CONFS.ipv4), context), CLOSED);
      on.resync();
    },
  },
  {
    id: 'close-keeps-lease',
    title: 'closing keeps the lease in the store',
    features: ['persistent'],
    needs: [],
    run: async (context) => {
      const on = context.manager();
      await context.acquire(on, 1);
      await on.close();
      notEqual(await context.manager().previous('host-1', context), undefined);
    },
  },
  {
    id: 'close-while-acquiring',
    title: 'closing while a lease is being acquired ends that',
    features: ['persistent'],
    needs: [],
    run: async (context) => {
      const on = context.manager();
      const request = { hostId: 'host-1', netConf: CONFS.ipv4, attributes: attributes(1, CONFS.ipv4) };
      const acquiring = ending(on.acquire(request, context));
      await on.close();
      equal(await acquiring, 'OVERLAY_CLOSED');
    },
  },
];
