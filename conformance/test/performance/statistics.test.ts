import { describe, expect, test } from '@jest/globals';
import { median, percentile, rounded } from '../../dist/performance/statistics.js';

describe('statistics', () => {
  test('the median is the middle value, or the mean of the two middle ones, in any order', () => {
    expect(median([10, 9, 1])).toBe(9);
    expect(median([4, 100, 1, 2])).toBe(3);
    expect(median([])).toBeNaN();
  });

  test('a percentile is a value that was measured, which so many do not exceed', () => {
    const values = Array.from({ length: 200 }, (_, n) => 200 - n);
    expect(percentile(values, 0.5)).toBe(100);
    expect(percentile(values, 0.99)).toBe(198);
    expect(percentile(values, 1)).toBe(200);
    expect(percentile([7], 0.01)).toBe(7);
    expect(percentile([], 0.5)).toBeNaN();
  });

  test('rounding keeps so many digits', () => {
    expect(rounded(1.23456, 3)).toBe(1.235);
  });
});
