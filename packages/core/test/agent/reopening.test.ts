import { expect, test } from '@jest/globals';
import { makePlan, parsePrefix } from '@overlay/core';
import type { BackendFactory } from '@overlay/core';
import { liveChange } from '../../dist/agent/live-change.js';
import type { LiveChange } from '../../dist/agent/live-change.js';
import { FakeBackendControl } from './support/fake-backend.js';
import { conf } from './support/world.js';

/** How a host takes a change that leaves its network the same to the peers. */
function change(survivesAgent: boolean, reopensInPlace?: boolean): LiveChange {
  const factory = new FakeBackendControl().factory('fake', { survivesAgent });
  const made: BackendFactory = {
    ...factory,
    create: (init) =>
      Object.assign(factory.create(init), {
        supports: factory.supports,
        ...(reopensInPlace === undefined ? {} : { reopensInPlace }),
      }),
  };
  const plan = makePlan([made], { netConf: conf(), hostId: 'h1' });
  return liveChange(plan, plan, { ipv4: parsePrefix('10.244.1.0/24') });
}

test('a backend is opened again in its place when that interrupts nothing: packets pass it by, or it hands them over', () => {
  expect(change(true)).toEqual({ way: 'in-place' });
  expect(change(false, true)).toEqual({ way: 'in-place' });
  expect(change(true, false).refused).toMatch(/^backend fake carries packets in the agent/);
  expect(change(false).refused).toMatch(/^backend fake carries packets in the agent/);
});
