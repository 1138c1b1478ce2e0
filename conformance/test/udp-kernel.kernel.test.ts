import { afterAll, expect } from '@jest/globals';
import { udp } from '@overlay/backend-udp';
import type { Outcome } from '@overlay/conformance';
import { backendConformance } from '@overlay/conformance/backend';
import { jestFramework } from './jest-framework.js';

const outcomes: Outcome[] = [];

backendConformance({
  framework: jestFramework,
  name: 'udp-kernel',
  factory: (linux) => udp({ linux }),
  options: { DataPath: 'kernel' },
  onOutcome: (outcome) => outcomes.push(outcome),
});

// What does not apply must be known here, so that no test gets out of the way unseen.
afterAll(() => {
  const left = outcomes.filter(({ result }) => result === 'notApplicable' || result === 'notSupported');
  expect(left.map(({ id }) => id)).toEqual([
    'join-routed-refused',
    // Both would need the device.
    'two-instances',
    // It has neither.
    'heal-neighbours-flushed',
    'heal-fdb-flushed',
  ]);
});
