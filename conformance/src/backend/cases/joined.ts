import { deepEqual, equal } from 'node:assert/strict';
import type { BackendTestContext } from '../context.js';
import type { TrafficStream } from '../environment/environment.js';
import type { OverlayHost } from '../environment/overlay-host.js';
import type { World } from '../environment/world.js';

/** Two hosts whose pods talk to each other, in both directions. */
export interface Joined {
  readonly world: World;
  readonly host: OverlayHost;
  readonly other: OverlayHost;
  readonly streams: readonly TrafficStream[];
}

/** Joins two hosts and begins the talk. */
export async function joined(context: BackendTestContext): Promise<Joined> {
  const world = await context.world({ hosts: 2 });
  await world.join();
  const [host, other] = [world.host(1), world.host(2)];
  const streams = [...world.pings(host.pod, other.pod), ...world.pings(other.pod, host.pod)];
  for (const stream of streams) await stream.passes(context.timeouts.converge);
  return { world, host, other, streams };
}

/** Nothing is told as wrong that was mended. */
export async function statusIsGood(context: BackendTestContext, host: OverlayHost): Promise<void> {
  const { agent } = host.running;
  await agent.ready({ signal: AbortSignal.timeout(context.timeouts.converge) });
  const { network } = agent.status();
  deepEqual([network?.failed, network?.problems], [0, []], `the status of ${host.name} after it was healed`);
  equal(network?.peers, 1);
}
