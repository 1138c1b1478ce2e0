import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import type { Host, Lease } from '@overlay/core';
import { NEVER, of } from 'rxjs';
import type { BackendTest, BackendTestContext } from '../context.js';
import { notApplicable } from '../../suite/test-record.js';
import { FIRST_UNUSED } from '../environment/shared-store.js';
import { confOf } from '../environment/conf.js';
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
  for (const [host$, lease$] of [
    [NEVER, of(lease)],
    [of(here), NEVER],
  ] as const) {
    const abort = new AbortController();
    const opening = backend.open({ host$, lease$, signal: abort.signal });
    const end = rejects(opening, ABORTED);
    // Until it has gone as far as it can.
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
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
  if (context.supports.survivesAgent) deepEqual((await host.view()).differences(before), [], 'after close');
  deepEqual(writesOf(opened), writes, 'a closed network writes nothing');
}

async function twoBeside(context: BackendTestContext): Promise<ReturnType<typeof notApplicable> | void> {
  const { beside, type, options, widest } = context;
  if (beside === undefined) return notApplicable('there can be only one network of this type in a namespace');
  const { world, host, spare, opened: first, snapshot } = await alone(context);
  const one = await snapshot(await world.leaseOf(spare, FIRST_UNUSED));
  const netConf = confOf(type, { ...options, ...beside }, widest, { ipv4: '10.245', ipv6: 'fd45:0:0' });
  const second = await host.open({ instance: 'second', netConf, subnets: world.store.subnets(netConf, 1) });
  const peer = await world.leaseOf(spare, FIRST_UNUSED + 1, { netConf });
  const settle = (network: typeof second.network): Promise<void> =>
    network.settled({ signal: AbortSignal.timeout(context.timeouts.converge) });
  second.network.apply({ type: 'snapshot', leases: [peer] });
  await settle(second.network);
  const both = await host.view();
  notEqual(both.minus(one).size, 0, 'the second network put nothing in place');
  deepEqual(one.lostIn(both), [], 'the second network changed objects of the first');
  // Either one removes its peer, and everything that bears its marks without being wanted.
  first.network.apply({ type: 'snapshot', leases: [] });
  first.attachment.audit();
  await settle(first.network);
  const theirs = both.minus(one);
  deepEqual(theirs.lostIn(await host.view()), [], 'the first network removed objects of the second');
  const left = await host.view();
  second.network.apply({ type: 'snapshot', leases: [] });
  await settle(second.network);
  first.network.apply({ type: 'snapshot', leases: [await world.leaseOf(spare, FIRST_UNUSED)] });
  await settle(first.network);
  deepEqual(one.lostIn(await host.view()), [], 'the second network removed objects of the first');
  notEqual(left.minus(await host.view()).size, 0, 'the peer of the second network stayed');
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
    id: 'two-instances',
    title: 'two networks of different instances in one namespace do not meet',
    features: [],
    needs: [],
    run: twoBeside,
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
