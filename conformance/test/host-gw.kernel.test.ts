import { afterAll, expect } from '@jest/globals';
import { hostGw } from '@overlay/backend-host-gw';
import type { Outcome } from '@overlay/conformance';
import { backendConformance } from '@overlay/conformance/backend';
import { jestFramework } from './jest-framework.js';

const outcomes: Outcome[] = [];

backendConformance({
  framework: jestFramework,
  name: 'host-gw',
  factory: (linux) => hostGw({ linux }),
  beside: {},
  onOutcome: (outcome) => outcomes.push(outcome),
});

// What does not apply must be known here, so that no test gets out of the way unseen.
afterAll(() => {
  const left = outcomes.filter(({ result }) => result === 'notApplicable' || result === 'notSupported');
  expect(left.map(({ id }) => id)).toEqual([
    'join-routed',
    // It makes routes and nothing else.
    'status-refused-device',
    'heal-neighbours-flushed',
    'heal-fdb-flushed',
    'heal-device-deleted',
    'heal-device-down',
    'heal-device-mac',
    'heal-device-mtu',
    'heal-address-removed',
  ]);
});
