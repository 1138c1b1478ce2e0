import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import type { Host, Lease } from '@overlay/core';
import { defer, NEVER, of } from 'rxjs';
import type { BackendTest, BackendTestContext } from '../context.js';
import { FIRST_UNUSED } from '../environment/shared-store.js';
import { until, within } from '../../suite/until.js';
import { alone, writesOf } from './peers.js';

const ABORTED = { code: 'OVERLAY_ABORTED' };

async function aborted(context: BackendTestContext): Promise<void> {
  const world = await context.world({ hosts: 1 });
  const host = world.host(1);
  const empty = await host.view();
  await rejects(host.open({ signal: AbortSignal.abort() }), ABORTED);
  deepEqual((await host.view()).differences(empty), [], 'an aborted opening leaves something behind');
  // The same host can be opened afterwards: nothing is held.
  const opened = await host.open();
  opened.network.apply({ type: 'snapshot', leases: [] });
  await opened.network.settled({ signal: AbortSignal.timeout(context.timeouts.converge) });
}

/** Aborts an opening that waits for the host, and one that waits for the lease. */
async function abortedMidway(context: BackendTestContext): Promise<void> {
  const world = await context.world({ hosts: 1 });
  const host = world.host(1);
  const { netConf } = world;
  const empty = await host.view();
  const attachment = host.attach();
  const here = await host.host(attachment);
  const attributes = await host.attributes('own');
  const lease: Lease = { key: 'own', subnets: world.store.subnets(netConf, 1), attributes };
  const backend = world.backend(attachment, 'own');
  for (const missing of ['host$', 'lease$'] as const) {
    let waits = false;
    const never = defer(() => ((waits = true), NEVER));
    const [host$, lease$] = missing === 'host$' ? [never, of(lease)] : [of(here), never];
    const abort = new AbortController();
    const opening = backend.open({ host$, lease$, signal: abort.signal });
    const end = rejects(opening, ABORTED);
    // Until it has gone as far as it can.
    await until(`opening asks for ${missing}`, context.timeouts.converge, () => waits);
    abort.abort();
    await within('ending an aborted opening', context.timeouts.end, end);
  }
  deepEqual((await host.view()).differences(empty), []);
  const signal = AbortSignal.timeout(context.timeouts.converge);
  const network = await backend.open({ host$: of<Host>(here), lease$: of(lease), signal });
  try {
    network.apply({ type: 'snapshot', leases: [] });
    await network.settled({ signal });
  } finally {
    await network.close();
  }
}

async function closedNetwork(context: BackendTestContext): Promise<void> {
  const { world, host, spare, opened, snapshot } = await alone(context);
  const { network } = opened;
  const [one, two] = [await world.leaseOf(spare, FIRST_UNUSED), await world.leaseOf(spare, FIRST_UNUSED + 1)];
  const before = await snapshot(one);
  const writes = writesOf(opened);
  let completed = false;
  network.state$.subscribe({ complete: () => (completed = true) });
  await within('closing twice', context.timeouts.end, Promise.all([network.close(), network.close()]));
  await network.close();
  ok(completed, 'state$ completes');
  network.apply({ type: 'snapshot', leases: [] });
  network.apply({ type: 'delta', set: [two], deleted: [one.key] });
  opened.host$.next({ ...opened.host$.value });
  opened.attachment.audit();
  await rejects(network.settled({ signal: AbortSignal.timeout(context.timeouts.end) }), { code: 'OVERLAY_CLOSED' });
  // What counts is the first call, which did not ask for that.
  await network.close({ remove: true });
  if (context.supports.survivesAgent) deepEqual((await host.view()).differences(before), [], 'after close');
  deepEqual(writesOf(opened), writes, 'a closed network writes nothing');
}

async function looksOnly(context: BackendTestContext): Promise<void> {
  const world = await context.world({ hosts: 1 });
  const host = world.host(1);
  const attachment = host.attach();
  const here = await host.host(attachment);
  const { machine } = host;
  const [before, settingsBefore] = [await host.view(), await machine.settings()];
  const backend = world.backend(attachment, 'own');
  for (const known of [{}, { host: here }]) {
    const signal = AbortSignal.timeout(context.timeouts.converge);
    for (const finding of await backend.preflight({ ...known, signal })) {
      match(finding.level, /^(error|warning)$/);
      match(finding.check, /^[a-z][a-z0-9-]*$/);
      match(finding.message, /^[^\n]+$/);
      match(finding.remedy, /^[^\n]+$/);
      equal(finding.level, 'warning', `on a host on which it works: ${finding.message}`);
    }
  }
  deepEqual((await host.view()).differences(before), [], 'preflight changed the data path');
  equal(await machine.settings(), settingsBefore, 'preflight changed settings');
  deepEqual(
    Object.values(attachment.writes()).filter((count) => count !== 0),
    [],
  );
  await rejects(backend.preflight({ signal: AbortSignal.abort() }), ABORTED);
}

export const lifecycle: readonly BackendTest[] = [
  {
    id: 'open-aborted',
    title: 'an opening that is aborted before it begins changes nothing and holds nothing',
    features: [],
    needs: [],
    run: aborted,
  },
  {
    id: 'open-aborted-midway',
    title: 'an opening that is aborted while it waits ends at once and holds nothing',
    features: [],
    needs: [],
    run: abortedMidway,
  },
  {
    id: 'close-stays',
    title: 'a closed network leaves the data path as it is, and whatever it is told then does nothing',
    features: [],
    needs: [],
    run: closedNetwork,
  },
  {
    id: 'preflight-looks-only',
    title: 'preflight finds nothing fatal on a good host, says things in one line, and changes nothing',
    features: [],
    needs: [],
    run: looksOnly,
  },
  {
    id: 'ready-when-in-place',
    title: 'the state begins with starting or ready, and ready means that own devices are there',
    features: [],
    needs: [],
    run: async (context) => {
      const { opened, host, empty, snapshot } = await alone(context);
      const states: string[] = [];
      opened.network.state$.subscribe(({ phase }) => states.push(phase));
      await until('the network is ready', context.timeouts.converge, () => states.at(-1) === 'ready');
      const atReady = (await host.view()).minus(empty);
      const after = (await snapshot()).minus(empty);
      deepEqual(after.differences(atReady), [], 'own objects came only after the network had said that it is ready');
      ok(!states.includes('failed'), states.join(' '));
    },
  },
];
