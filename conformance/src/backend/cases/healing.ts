import type { NotApplicable } from '../../suite/test-record.js';
import type { BackendTest, BackendTestContext } from '../context.js';
import { notApplicable } from '../../suite/test-record.js';
import type { Disturbance } from '../environment/environment.js';
import type { View } from '../environment/view.js';
import type { BackendTimeouts } from '../timeouts.js';
import { joined, statusIsGood } from './joined.js';

function heals(
  disturbance: Disturbance,
  title: string,
  limit: keyof BackendTimeouts,
  missing = 'it has no object of this sort',
): BackendTest {
  return {
    id: `heal-${disturbance}`,
    title: `${title}: it is mended, and packets pass`,
    features: [],
    needs: [],
    run: async (context): Promise<NotApplicable | undefined> => {
      const { world, host, streams } = await joined(context);
      const before = await host.view();
      const disturbed = await host.machine.disturb(disturbance, world.own.get(host) as View);
      if (!disturbed) return notApplicable(missing);
      await world.becomes(host, before, context.timeouts[limit], `what was there before ${disturbance}`);
      for (const stream of streams) await stream.passes(context.timeouts[limit]);
      await statusIsGood(context, host);
      return undefined;
    },
  };
}

async function healsWhatItWasNotTold(context: BackendTestContext): Promise<void> {
  const { world, host, streams } = await joined(context);
  const before = await host.view();
  const own = world.own.get(host) as View;
  host.running.attachment.faults.loseNext();
  if (!(await host.machine.disturb('routes-flushed', own))) throw new Error('the backend has no routes of its own');
  await world.becomes(host, before, context.timeouts.healObject, 'what was there before a notification was lost');
  for (const stream of streams) await stream.passes(context.timeouts.healObject);
  await statusIsGood(context, host);
}

/** Times that somebody undoes the same thing. Fewer than what a backend has to take for a fight. */
const TIMES = 3;

async function healsAgain(context: BackendTestContext): Promise<void> {
  const { world, host, streams } = await joined(context);
  const before = await host.view();
  for (let time = 1; time <= TIMES; time += 1) {
    await host.machine.disturb('route-deleted', world.own.get(host) as View);
    await world.becomes(host, before, context.timeouts.healDevice, `what was there before time ${time}`);
  }
  for (const stream of streams) await stream.passes(context.timeouts.healDevice);
  await statusIsGood(context, host);
}

export const healing: readonly BackendTest[] = [
  heals('route-deleted', 'one route was deleted', 'healObject'),
  heals('routes-flushed', 'all own routes were flushed', 'healObject'),
  heals('neighbours-flushed', 'neighbours were flushed, permanent ones too', 'healObject'),
  heals('fdb-flushed', 'the forwarding entries of tunnels were deleted', 'healObject'),
  heals('device-deleted', 'own devices were deleted', 'healDevice', 'it brings no device'),
  heals('device-down', 'own devices were set down', 'healDevice', 'it brings no device'),
  heals('device-mac', 'the MAC of own devices was changed', 'healDevice', 'it brings no Ethernet device'),
  heals('device-mtu', 'the MTU of own devices was changed', 'healDevice', 'it brings no device'),
  heals('address-removed', 'the addresses of own devices were removed', 'healDevice'),
  {
    id: 'heal-lost-notification',
    title: 'routes were flushed and what tells of it was lost: they are mended, without waiting for the next audit',
    features: [],
    needs: [],
    run: healsWhatItWasNotTold,
  },
  {
    id: 'heal-again',
    title: `a route is deleted ${TIMES} times: it is mended each time, and packets pass`,
    features: [],
    needs: [],
    run: healsAgain,
  },
];
