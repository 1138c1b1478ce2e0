import { expect, test } from '@jest/globals';
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
