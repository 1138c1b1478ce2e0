import { expect, test } from '@jest/globals';
import type { Labels, Metrics } from '@overlay/core';
import { noMetrics } from '@overlay/core';
import type { DataPathStatus } from '@overlay/backend-udp';
import { PathMetrics } from '../dist/path-metrics.js';

/** A data path that has sent so many packets of 100 bytes, and dropped so many. */
class CountingPath {
  constructor(
    public sent: number,
    public dropped = 0,
  ) {}

  status(): DataPathStatus {
    return {
      counters: {
        sent: { packets: this.sent, bytes: this.sent * 100 },
        received: { packets: 0, bytes: 0 },
        drops: this.dropped > 0 ? { 'unknown-sender': this.dropped } : {},
        passed: {},
      },
      offloads: { tso: true },
      findings: [],
    };
  }
}

/** Keeps sums by name and labels, and reads when it is told to. */
class Sums implements Metrics {
  readonly sums = new Map<string, number>();
  readonly updates = new Set<() => void>();
  readonly observe = noMetrics.observe;

  count(name: string, by = 1, labels: Labels = {}): void {
    const key = [name, ...Object.values(labels)].join(' ');
    this.sums.set(key, (this.sums.get(key) ?? 0) + by);
  }

  gauge(name: string, value: number, labels: Labels = {}): void {
    this.sums.set([name, ...Object.values(labels)].join(' '), value);
  }

  beforeRead(update: () => void): () => void {
    this.updates.add(update);
    return () => void this.updates.delete(update);
  }

  read(name: string): number | undefined {
    for (const update of this.updates) update();
    return this.sums.get(name);
  }
}

const SENT = 'udp_packets_total user sent';

test('what a path has counted is told when metrics are read, and when it ends', () => {
  const [path, metrics] = [new CountingPath(5), new Sums()];
  const end = new PathMetrics().follow({ name: 'user', path, metrics });
  expect(metrics.read(SENT)).toBe(5);
  path.sent = 8;
  path.dropped = 2;
  expect(metrics.read(SENT)).toBe(8);
  expect(metrics.read('udp_bytes_total user sent')).toBe(800);
  expect(metrics.read('udp_dropped_packets_total user unknown-sender')).toBe(2);
  expect(metrics.read('udp_offload user tso')).toBe(1);
  path.sent = 9;
  end();
  expect(metrics.read(SENT)).toBe(9);
  path.sent = 10;
  expect(metrics.read(SENT)).toBe(9);
});

test('networks that share a path do not count twice', () => {
  const [path, metrics, all] = [new CountingPath(5), new Sums(), new PathMetrics()];
  const end = all.follow({ name: 'user', path, metrics });
  all.follow({ name: 'user', path, metrics });
  expect(metrics.read(SENT)).toBe(5);
  path.sent = 6;
  end();
  expect(metrics.read(SENT)).toBe(6);
});

test('counters that begin again are added to what was before', () => {
  const [path, metrics] = [new CountingPath(5), new Sums()];
  new PathMetrics().follow({ name: 'kernel', path, metrics });
  metrics.read(SENT);
  path.sent = 3;
  expect(metrics.read('udp_packets_total kernel sent')).toBe(8);
});

test('a path that cannot be read does not keep the others from being read', () => {
  const metrics = new Sums();
  const path = {
    status: () => {
      throw new Error('gone');
    },
  };
  const end = new PathMetrics().follow({ name: 'kernel', path, metrics });
  expect(() => metrics.read(SENT)).not.toThrow();
  expect(end).not.toThrow();
});

test('metrics that are not read are not told', () => {
  const counted: string[] = [];
  const metrics: Metrics = { ...noMetrics, count: (name) => void counted.push(name) };
  new PathMetrics().follow({ name: 'user', path: new CountingPath(1), metrics })();
  expect(counted).toEqual([]);
});
