// No test of the suite is there for its own sake: something that is wrong is caught by each.
import { expect, test } from '@jest/globals';
import type { Profile } from '@overlay/conformance';
import { BACKEND_PROFILES } from '@overlay/conformance/backend';
import { SUBNET_MANAGER_PROFILES } from '@overlay/conformance/subnet-manager';
import { BROKEN_IN_MEMORY } from './broken/in-memory.js';
import { BROKEN_ON_KERNEL } from './broken/on-kernel.js';
import { BROKEN_MANAGERS, BROKEN_ON_DISK } from './broken/subnet-managers.js';

function idsOf(profiles: readonly Profile<{ readonly id: string }>[]): readonly string[] {
  return profiles.flatMap(({ core, extended }) => [...core, ...extended].map(({ id }) => id));
}

test('each test of backends is the one that has to catch some backend that is wrong', () => {
  const caught = new Set([...BROKEN_IN_MEMORY, ...BROKEN_ON_KERNEL].flatMap(({ caughtBy }) => caughtBy));
  const ids = idsOf(BACKEND_PROFILES);
  expect(ids.filter((id) => !caught.has(id))).toEqual([]);
  expect([...caught].filter((id) => !ids.includes(id))).toEqual([]);
});

test('each test of subnet managers is the one that has to catch some subnet manager that is wrong', () => {
  const caught = new Set([...BROKEN_MANAGERS, ...BROKEN_ON_DISK].map(([, , caughtBy]) => caughtBy));
  const ids = idsOf(SUBNET_MANAGER_PROFILES);
  expect(ids.filter((id) => !caught.has(id))).toEqual([]);
  expect([...caught].filter((id) => !ids.includes(id))).toEqual([]);
});
