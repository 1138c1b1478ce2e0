import { describe, expect, test } from '@jest/globals';
import type { Profile } from '@overlay/conformance';
import { BACKEND_FEATURES, BACKEND_PROFILES } from '@overlay/conformance/backend';
import { SUBNET_MANAGER_FEATURES, SUBNET_MANAGER_PROFILES } from '@overlay/conformance/subnet-manager';

interface Shown {
  readonly id: string;
  readonly title: string;
  readonly features: readonly string[];
  readonly lacks?: readonly string[];
}

const SUITES: readonly (readonly [string, readonly Profile<Shown>[], readonly string[]])[] = [
  ['backends', BACKEND_PROFILES, BACKEND_FEATURES],
  ['subnet managers', SUBNET_MANAGER_PROFILES, SUBNET_MANAGER_FEATURES],
];

describe.each(SUITES)('the profiles of %s', (_what, profiles, features) => {
  const all = profiles.flatMap(({ core, extended }) => [...core, ...extended]);

  test('have disjoint sets: no test is in two of them, nor twice in one', () => {
    const ids = all.map(({ id }) => id);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
    expect(ids.length).toBeGreaterThan(20);
  });

  test('have names that differ whatever the case, and something to test', () => {
    const names = profiles.map(({ name }) => name.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
    for (const { core } of profiles) expect(core).not.toHaveLength(0);
  });

  test('ask for features that there are', () => {
    const asked = all.flatMap(({ features: needed, lacks = [] }) => [...needed, ...lacks]);
    expect(asked.filter((feature) => !features.includes(feature))).toEqual([]);
  });

  test('have tests with a stable name and one line of what holds', () => {
    for (const { id, title } of all) {
      expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)+$|^[a-z0-9]+$/);
      expect(title).toMatch(/^[^\n]{10,160}$/);
    }
  });
});
