import { describe, expect, test } from '@jest/globals';
import type { ProcessSample, RandomTrafficReport } from './random-traffic.js';
import { verdict } from './verdict.js';

const sample = (change: Partial<ProcessSample> = {}): ProcessSample => ({
  anonymousKiB: 50_000,
  threads: 15,
  descriptors: 40,
  ...change,
});
const report = (late: Partial<ProcessSample>, rest: Partial<RandomTrafficReport> = {}): RandomTrafficReport => ({
  ...{
    dataPath: 'user',
    seconds: 60,
    seed: 1,
    steps: {},
    compared: 9,
    lostPings: 0,
    wrong: [],
    packets: 99,
    nonsense: 9,
  },
  samples: Array.from({ length: 8 }, (_, at) => sample(at < 4 ? {} : late)),
  ...rest,
});

describe('the verdict on random traffic', () => {
  test('passes over a process that stays as it is', () => expect(verdict(report({}))).toEqual([]));

  test.each<[string, RandomTrafficReport]>([
    ['threads: 15 at first, 16 at the end', report({ threads: 16 })],
    ['descriptors: 40 at first, 41 at the end', report({ descriptors: 41 })],
    ['memory grew by 3000 KiB; 2048 are allowed', report({ anonymousKiB: 53_000 })],
    ['udp ipv4: 1 of 2', report({}, { wrong: ['udp ipv4: 1 of 2'] })],
    ['0 payloads compared, 99 packets carried', report({}, { compared: 0 })],
    ['3 samples are too few to tell a growth', report({}, { samples: [sample(), sample(), sample()] })],
  ])('tells: %s', (failure, of) => expect(verdict(of)).toEqual([failure]));
});
