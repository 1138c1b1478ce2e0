import { describe, expect, test } from '@jest/globals';
import type { Lease } from '@overlay/core';
import { HandClock, RecordingLogger, settle } from '@overlay/core/testing';
import { readJournal } from '../../dist/memory/journal.js';
import type { Memory } from '../../dist/memory/memory.js';
import { Recorder } from '../../dist/memory/recorder.js';
import { conf, peer, peers } from '../agent/support/world.js';
import { MemoryInMemory } from './support/memory-in-memory.js';

const OWNER = { hostId: 'a', store: 'etcd /x' };
const own = peer('a', '10.244.0.0/24', 1);

class Recorded {
  readonly file = new MemoryInMemory();
  readonly clock = new HandClock();
  readonly logger = new RecordingLogger();
  readonly leases = new Map<string, Lease>();
  confirmedAt = 1_000_000;
  readonly recorder = new Recorder({
    owner: OWNER,
    file: this.file,
    clock: this.clock,
    logger: this.logger,
    snapshot: async () => [...this.leases.values()],
    confirmedAt: () => this.confirmedAt,
  });

  /** The store says everything. */
  async start(leases: readonly Lease[] = [own, ...peers(3)]): Promise<this> {
    for (const lease of leases) this.leases.set(lease.key, lease);
    this.recorder.configured(conf());
    this.recorder.take({ type: 'snapshot', leases });
    this.recorder.holds(own);
    await this.clock.advance(10_000);
    return this;
  }

  set(lease: Lease): void {
    this.leases.set(lease.key, lease);
    this.recorder.take({ type: 'changes', changes: [{ type: 'set', lease }] });
  }

  delete(key: string): void {
    this.leases.delete(key);
    this.recorder.take({ type: 'changes', changes: [{ type: 'delete', key }] });
  }

  get memory(): Memory {
    const memory = readJournal(this.file.text ?? '', OWNER);
    if ('problem' in memory) throw new Error(memory.problem);
    return memory;
  }

  /** What is written is what the store says. */
  expectAll(): void {
    const sorted = (leases: Iterable<Lease>): Lease[] => [...leases].sort((a, b) => (a.key < b.key ? -1 : 1));
    expect(sorted(this.memory.leases)).toEqual(sorted(this.leases.values()));
  }
}

/** Lines of each part that is made while a memory is written: other work goes on between two of them. */
function linesOfParts(file: MemoryInMemory, way: 'replace' | 'append'): number[] {
  const lines: number[] = [];
  const write = file[way].bind(file);
  file[way] = (parts) => {
    const all = [...parts];
    lines.push(...all.map((part) => part.split('\n').length - 1));
    return write(all);
  };
  return lines;
}

describe('what the store says is written down', () => {
  test('in parts so small that nothing waits for them, as a whole and as an addition', async () => {
    const recorded = new Recorded();
    const whole = linesOfParts(recorded.file, 'replace');
    await recorded.start([own, ...peers(100)]);
    const added = linesOfParts(recorded.file, 'append');
    recorded.recorder.take({ type: 'changes', changes: peers(100).map((lease) => ({ type: 'set', lease })) });
    await recorded.clock.advance(1_000);
    for (const lines of [whole, added]) {
      expect(lines.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(100);
      expect(Math.max(...lines)).toBeLessThanOrEqual(32);
    }
    recorded.expectAll();
  });

  test('as a whole once, when everything is known', async () => {
    const recorded = new Recorded();
    recorded.recorder.configured(conf());
    recorded.recorder.take({ type: 'snapshot', leases: peers(3) });
    await recorded.clock.advance(60_000);
    expect(recorded.file.text).toBeUndefined();
    await recorded.start();
    expect(recorded.file.replaced).toBe(1);
    expect(recorded.memory).toMatchObject({ own, netConf: conf(), at: 1_000_000 });
    recorded.expectAll();
  });

  test('then what changes, gathered for a second', async () => {
    const recorded = await new Recorded().start();
    recorded.set(peer('n1', '10.244.1.0/24', 77));
    await recorded.clock.advance(500);
    recorded.delete('n2');
    recorded.set(peer('n9', '10.244.9.0/24', 109));
    recorded.confirmedAt = 1_020_000;
    expect(recorded.file.appended).toBe(0);
    await recorded.clock.advance(500);
    expect([recorded.file.replaced, recorded.file.appended]).toEqual([1, 1]);
    expect(recorded.memory.at).toBe(1_020_000);
    recorded.expectAll();
  });

  test('more seldom while changes keep coming, and soon again after a rest', async () => {
    const recorded = await new Recorded().start();
    for (let at = 0; at < 60_000; at += 200) {
      recorded.set(peer('n1', '10.244.1.0/24', (at / 200) % 200));
      await recorded.clock.advance(200);
    }
    // After 1, 2, 4 and then every 8 seconds.
    expect(recorded.file.appended).toBeGreaterThan(7);
    expect(recorded.file.appended).toBeLessThan(11);
    await recorded.clock.advance(30_000);
    recorded.expectAll();
    const before = recorded.file.appended;
    recorded.set(peer('n1', '10.244.1.0/24', 201));
    await recorded.clock.advance(8_000);
    await recorded.clock.advance(30_000);
    recorded.set(peer('n1', '10.244.1.0/24', 202));
    await recorded.clock.advance(1_000);
    expect(recorded.file.appended).toBe(before + 2);
    recorded.expectAll();
  });

  test('anew when the additions are as long, so that it stays as long as what it says', async () => {
    const recorded = await new Recorded().start();
    let longest = 0;
    for (let round = 0; round < 5_000; round++) {
      for (let n = 0; n < 20; n++) recorded.set(peer('n1', '10.244.1.0/24', (round % 200) + 1));
      recorded.set(peer(`n${round % 50}`, `10.244.${round % 50}.0/24`, (round % 200) + 1));
      await recorded.clock.advance(1_000);
      longest = Math.max(longest, recorded.file.text?.length ?? 0);
    }
    expect(recorded.file.replaced).toBeGreaterThan(1);
    expect(recorded.file.replaced).toBeLessThan(20);
    expect(longest).toBeLessThan(600_000);
    await recorded.clock.advance(10_000);
    recorded.expectAll();
  });

  test('anew after a gap', async () => {
    const recorded = await new Recorded().start();
    recorded.leases.delete('n1');
    recorded.recorder.take({ type: 'snapshot', leases: [...recorded.leases.values()] });
    recorded.set(peer('n7', '10.244.7.0/24', 107));
    await recorded.clock.advance(10_000);
    expect(recorded.file.replaced).toBe(2);
    recorded.expectAll();
  });

  test('what changes while everything is written is added', async () => {
    const recorded = new Recorded();
    const replace = recorded.file.replace.bind(recorded.file);
    recorded.file.replace = async (parts) => {
      recorded.delete('n1');
      await settle();
      await replace(parts);
    };
    await recorded.start();
    await recorded.clock.advance(5_000);
    expect(recorded.file.appended).toBe(1);
    expect(recorded.memory.leases.map(({ key }) => key)).not.toContain('n1');
    recorded.expectAll();
  });

  test('that nothing has changed is written now and then, and at the end', async () => {
    const recorded = await new Recorded().start();
    recorded.confirmedAt = 1_500_000;
    await recorded.clock.advance(700_000);
    expect(recorded.file.appended).toBe(1);
    expect(recorded.memory.at).toBe(1_500_000);
    recorded.confirmedAt = 1_700_000;
    recorded.set(peer('n8', '10.244.8.0/24', 108));
    await recorded.recorder.close(new AbortController().signal);
    expect(recorded.memory.at).toBe(1_700_000);
    recorded.expectAll();
    expect(recorded.clock.pending).toBe(0);
  });

  test('a disk that cannot be written is told of once, and everything is written when it can', async () => {
    const recorded = await new Recorded().start();
    recorded.file.trouble = new Error('no space left');
    for (let n = 0; n < 100; n++) {
      recorded.set(peer('n1', '10.244.1.0/24', n + 1));
      await recorded.clock.advance(10_000);
    }
    recorded.file.trouble = undefined;
    await recorded.clock.advance(600_000);
    recorded.expectAll();
    expect(recorded.logger.matching(/^warn/)).toEqual([
      'warn memory: what the store says cannot be written down: no space left',
    ]);
    expect(recorded.logger.matching(/written down again/)).toHaveLength(1);
  });
});
