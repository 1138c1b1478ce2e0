import { afterAll, expect } from '@jest/globals';
import { vxlan } from '@overlay/backend-vxlan';
import type { Outcome } from '@overlay/conformance';
import { backendConformance } from '@overlay/conformance/backend';
import { jestFramework } from './jest-framework.js';

const outcomes: Outcome[] = [];

backendConformance({
  framework: jestFramework,
  name: 'vxlan with DirectRouting',
  factory: (linux) => vxlan({ linux }),
  options: { DirectRouting: true },
  beside: { VNI: 2 },
  onOutcome: (outcome) => outcomes.push(outcome),
});

// What does not apply must be known here, so that no test gets out of the way unseen.
afterAll(() => {
  const left = outcomes.filter(({ result }) => result === 'notApplicable' || result === 'notSupported');
  expect(left.map(({ id }) => id)).toEqual(['join-routed-refused', 'heal-neighbours-flushed', 'heal-fdb-flushed']);
});
