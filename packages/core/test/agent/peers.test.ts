import { expect, test } from '@jest/globals';
import type { Metrics } from '@overlay/core';
import { noMetrics } from '@overlay/core';
import { settle } from '@overlay/core/testing';
import { peer, peers, World } from './support/world.js';

test('an agent tells the peers that its network has, and none that are held', async () => {
  const outside = peer('outside', '10.99.0.0/24', 99);
  const world = new World({}, { leases: [...peers(3), outside] });
  expect([...world.agent.peers()]).toEqual([]);
  await world.started();
  const keys = (): string[] => [...world.agent.peers()].map(({ key }) => key).sort();
  expect(keys()).toEqual(['n1', 'n2', 'n3']);
  world.store.replace(peers(2));
  await world.clock.advance(0);
  expect(keys()).toEqual(['n1', 'n2']);
  await world.agent.stop();
});

test('the number of peers is told as they come and go, whatever else happens', async () => {
  const gauges = new Map<string, number>();
  const metrics: Metrics = { ...noMetrics, gauge: (name, value) => void gauges.set(name, value) };
  const world = await new World({ metrics }, { leases: peers(1) }).started();
  expect(gauges.get('peers')).toBe(1);
  world.store.set(peer('late', '10.244.77.0/24', 177));
  await settle();
  expect(gauges.get('peers')).toBe(2);
  await world.agent.stop();
});
