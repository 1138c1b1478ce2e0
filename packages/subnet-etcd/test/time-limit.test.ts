import { expect, test } from '@jest/globals';
import { TimeLimit } from '../dist/client/time-limit.js';

test('a limit doubles with each answer that comes too late, up to four times, until one is in time', () => {
  const limit = new TimeLimit(5_000);
  expect(limit.ms).toBe(5_000);
  limit.passed(limit.factor);
  expect(limit.ms).toBe(10_000);
  // Two questions of the same moment, both lost.
  const { factor } = limit;
  limit.passed(factor);
  limit.passed(factor);
  expect(limit.ms).toBe(20_000);
  limit.passed(limit.factor);
  expect(limit.ms).toBe(20_000);
  limit.answered(7_000);
  expect(limit.ms).toBe(20_000);
  limit.answered(100);
  expect(limit.ms).toBe(5_000);
});
