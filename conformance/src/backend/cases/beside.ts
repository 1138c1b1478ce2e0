import { deepEqual, equal, fail, match, notEqual } from 'node:assert/strict';
import type { Backend, NetConf } from '@overlay/core';
import type { NotApplicable } from '../../suite/test-record.js';
import { notApplicable } from '../../suite/test-record.js';
import type { BackendTest, BackendTestContext } from '../context.js';
import type { NetworkStart } from '../environment/conf.js';
import { confOf } from '../environment/conf.js';
import type { OpenedNetwork } from '../environment/overlay-host.js';
import { FIRST_UNUSED } from '../environment/shared-store.js';
import { alone } from './peers.js';

/** The overlay's networks of the second one. */
const ELSEWHERE: NetworkStart = { ipv4: '10.245', ipv6: 'fd45:0:0' };

/** The configuration of a second network beside the first, with networks of its own if told. */
function besideConf({ type, options, beside, widest }: BackendTestContext, network?: NetworkStart): NetConf {
  return confOf(type, { ...options, ...beside }, widest, network);
}

/** Both backends, as they are made for one host. */
function pair(context: BackendTestContext): readonly [Backend, Backend] {
  const { inspect, type, options, widest } = context;
  return inspect((factory) => [
    factory.create({ netConf: confOf(type, options, widest), hostId: 'h1' }),
    factory.create({ netConf: besideConf(context), hostId: 'h1' }),
  ]);
}

function idOf({ endpointId, type }: Backend): string {
  return endpointId ?? type;
}

/** That there is no second network is for the backend itself to say: whoever tests it may just have left it out. */
function onlyOne(context: BackendTestContext): NotApplicable {
  const [one, twin] = pair(context);
  const why = one.whyNotBeside?.(twin);
  if (why === undefined) {
    fail(
      'give `beside`, options with which a second network can be open on a host; or have `whyNotBeside` say why none can',
    );
  }
  match(why, /^[^\n]+$/, 'why there can be no second network, in one line');
  return notApplicable(`there can be only one network of this type in a namespace: ${why}`);
}

async function twoBeside(context: BackendTestContext): Promise<NotApplicable | void> {
  if (context.beside === undefined) return onlyOne(context);
  const { world, host, spare, opened: first, snapshot } = await alone(context);
  const one = await snapshot(await world.leaseOf(spare, FIRST_UNUSED));
  const netConf = besideConf(context, ELSEWHERE);
  const second = await host.open({ instance: 'second', netConf, subnets: world.store.subnets(netConf, 1) });
  const peer = await world.leaseOf(spare, FIRST_UNUSED + 1, { netConf });
  second.network.apply({ type: 'snapshot', leases: [peer] });
  await settled(context, second);
  const both = await host.view();
  notEqual(both.minus(one).size, 0, 'the second network put nothing in place');
  deepEqual(one.lostIn(both), [], 'the second network changed objects of the first');
  // Either one removes its peer, and everything that bears its marks without being wanted.
  first.network.apply({ type: 'snapshot', leases: [] });
  first.attachment.audit();
  await settled(context, first);
  const theirs = both.minus(one);
  deepEqual(theirs.lostIn(await host.view()), [], 'the first network removed objects of the second');
  const left = await host.view();
  second.network.apply({ type: 'snapshot', leases: [] });
  await settled(context, second);
  first.network.apply({ type: 'snapshot', leases: [await world.leaseOf(spare, FIRST_UNUSED)] });
  await settled(context, first);
  deepEqual(one.lostIn(await host.view()), [], 'the second network removed objects of the first');
  notEqual(left.minus(await host.view()).size, 0, 'the peer of the second network stayed');
}

/** As an agent does it that takes another configuration: the newer network opens, then the older one is removed. */
async function removedBeside(context: BackendTestContext): Promise<NotApplicable | void> {
  if (context.beside === undefined) return onlyOne(context);
  const [before, after] = pair(context);
  if (idOf(before) === idOf(after)) {
    return notApplicable(`both are the network ${idOf(after)}, and an agent opens one in the place of the other`);
  }
  equal(after.whyNotBeside?.(before), undefined, 'why the newer one cannot be open beside the older one');
  equal(before.whyNotBeside?.(after), undefined, 'why the older one cannot be open beside the newer one');
  const { world, host, spare, opened, snapshot, empty } = await alone(context);
  const older = (await snapshot(await world.leaseOf(spare, FIRST_UNUSED))).minus(empty);
  const { attachment } = opened;
  const netConf = besideConf(context);
  const newer = await host.open({ attachment, netConf, subnets: world.store.subnets(netConf, 1) });
  newer.network.apply({ type: 'snapshot', leases: [await world.leaseOf(spare, FIRST_UNUSED + 1, { netConf })] });
  await settled(context, newer);
  const both = (await host.view()).minus(empty);
  const theirs = both.minus(older);
  notEqual(theirs.size, 0, 'the newer network put nothing in place');
  await opened.network.close({ remove: true });
  const left = (await host.view()).minus(empty);
  deepEqual(theirs.lostIn(left), [], 'the older network took objects of the newer one with it');
  notEqual(older.minus(left).size, 0, 'the older network left everything');
  await newer.network.close({ remove: true });
  await world.becomes(host, empty, context.timeouts.converge, 'what was there before any network');
}

async function settled({ timeouts }: BackendTestContext, { network }: OpenedNetwork): Promise<void> {
  await network.settled({ signal: AbortSignal.timeout(timeouts.converge) });
}

export const beside: readonly BackendTest[] = [
  {
    id: 'two-instances',
    title: 'two networks of different instances in one namespace do not meet',
    features: [],
    needs: [],
    run: twoBeside,
  },
  {
    id: 'close-removes-beside',
    title: 'a network that is removed beside another one of its agent leaves what that one wants',
    features: [],
    needs: [],
    run: removedBeside,
  },
];
