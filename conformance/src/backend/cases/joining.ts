import { deepEqual, fail } from 'node:assert/strict';
import type { BackendTest, BackendTestContext } from '../context.js';
import type { BackendFeature } from '../features.js';
import type { FamilyChoice } from '../environment/conf.js';
import type { World } from '../environment/world.js';

/** Every pair of pods and hosts, small packets and such of the whole MTU. */
export async function everyPairAnswers(world: World): Promise<void> {
  deepEqual(await world.site.silentPairs(), [], 'pairs that do not reach each other');
}

function joins(family: FamilyChoice, features: readonly BackendFeature[]): BackendTest {
  return {
    id: `join-${family}`,
    title: `pods and hosts of three hosts reach each other: ${family}`,
    features,
    needs: [],
    run: async (context) => {
      const world = await context.world({ hosts: 3, family });
      await world.join();
      await everyPairAnswers(world);
    },
  };
}

/** Three hosts, the last of them behind a router. */
async function routed(context: BackendTestContext): Promise<World> {
  const world = await context.world({ hosts: 3, underlay: 'routed' });
  return world;
}

export const joining: readonly BackendTest[] = [
  joins('ipv4', ['ipv4']),
  joins('ipv6', ['ipv6']),
  joins('dual', ['dualStack']),
  {
    id: 'join-routed',
    title: 'hosts behind a router are reached',
    features: ['crossesSubnets'],
    needs: [],
    run: async (context) => {
      const world = await routed(context);
      await world.join();
      await everyPairAnswers(world);
    },
  },
  {
    id: 'join-routed-refused',
    title: 'a host behind a router is told as a problem, and the others are reached',
    features: [],
    lacks: ['crossesSubnets'],
    needs: [],
    run: async (context) => {
      const world = await routed(context);
      const [near, far] = [world.host(1), world.host(3)];
      for (const host of world.hosts) await host.start();
      for (const host of world.hosts) await world.knows(host, 2);
      const { network, readiness } = near.running.agent.status();
      if (!readiness.ready)
        fail(`a peer that is not reached must not make its host unready: ${JSON.stringify(readiness)}`);
      const problems = network?.problems.filter(({ peer }) => peer === far.name) ?? [];
      if (problems.length !== 1 || network?.failed !== 1) fail(`of peer ${far.name}: ${JSON.stringify(network)}`);
      if (problems[0].message.includes('\n') || problems[0].message === '') fail(problems[0].message);
      for (const host of [near, world.host(2)]) await world.addPod(host);
      const apart = await world.site.waitConnected(context.timeouts.join);
      deepEqual(apart, [], 'the two hosts on one link do not reach each other');
    },
  },
];
