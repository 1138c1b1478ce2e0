import type { BackendTestContext } from '../context.js';
import type { TrafficStream } from '../environment/environment.js';
import type { OverlayHost } from '../environment/overlay-host.js';
import type { World } from '../environment/world.js';
import { until } from '../../suite/until.js';

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

/**
 * Nothing is told as wrong that was mended. The agent may hear of it after the kernel has it and packets pass: of its own
 * writes by their acknowledgements, of what was there before by notifications that are still on their way.
 */
export async function statusIsGood(context: BackendTestContext, host: OverlayHost): Promise<void> {
  const { agent } = host.running;
  const { converge } = context.timeouts;
  await agent.ready({ signal: AbortSignal.timeout(converge) });
  let told = '';
  await until(
    () => `the status of ${host.name} after it was healed: one peer, none failed, no problems; got ${told}`,
    converge,
    () => {
      const { network } = agent.status();
      told = JSON.stringify({ peers: network?.peers, failed: network?.failed, problems: network?.problems });
      return network?.peers === 1 && network.failed === 0 && network.problems.length === 0;
    },
  );
}
