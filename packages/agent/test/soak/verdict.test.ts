import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '@overlay/core/testing';
import type { MemorySample } from './memory.js';
import { growth } from './memory.js';
import type { SoakReport } from './soak.js';
import { verdict } from './verdict.js';

const sample = (megabytes: number): MemorySample => {
  const bytes = megabytes * 1e6;
  return { rss: bytes, anonymous: bytes / 2, heapUsed: bytes / 4, external: 0 };
};

function report(samples: readonly MemorySample[], rest: Partial<SoakReport> = {}): SoakReport {
  const memory = { first: samples[0], last: samples[samples.length - 1], growthMB: growth(samples) };
  return { memory, pings: { sent: 100, lost: 0 }, disagreements: [], ...rest } as SoakReport;
}

describe('the verdict on a soak', () => {
  test('passes over single samples that are larger, and over what goes up and down', () => {
    const samples = [70, 71, 95, 70, 71, 70, 71, 70, 71, 90].map(sample);
    expect(growth(samples).rss).toBeLessThan(1);
    expect(verdict(report(samples))).toEqual([]);
  });

  test('tells of memory that grows steadily, whatever the last sample is', () => {
    const samples = Array.from({ length: 21 }, (_, i) => sample(i === 20 ? 70 : 70 + i / 4));
    expect(growth(samples).rss).toBeCloseTo(5);
    expect(verdict(report(samples))).toEqual(['the resident memory grew by 5.0 MB, expected at most 2']);
  });

  test('finds a leak in what is live where resident memory says nothing yet', () => {
    const leak = Array.from({ length: 21 }, (_, i) => ({ ...sample(70), heapUsed: 20e6 + i * 250_000 }));
    expect(verdict(report(leak))).toEqual([]);
    expect(verdict(report(leak), 'live')).toEqual(['the live memory grew by 5.0 MB, expected at most 2']);
  });

  test('tells of lost pings, and of a kernel that disagrees with the store', () => {
    const samples = Array.from({ length: 10 }, () => sample(70));
    const rest = { pings: { sent: 100, lost: 3 }, disagreements: ['missing on h1: a route'] };
    expect(verdict(report(samples, rest))).toEqual([
      'missing on h1: a route',
      '3 of 100 pings were lost, expected none',
    ]);
  });

  test('needs samples to compare', () => {
    expect(() => growth([sample(1), sample(2)])).toThrow('2 samples are too few');
  });
});

describe('random steps', () => {
  test('are the same for the same seed, and spread evenly', () => {
    const draw = (seed: number): number[] => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 2000 }, () => random.below(10));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    for (let value = 0; value < 10; value += 1) {
      expect(draw(3).filter((drawn) => drawn === value).length).toBeGreaterThan(150);
    }
  });
});
