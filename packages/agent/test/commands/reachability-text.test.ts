import { expect, test } from '@jest/globals';
import type { Address } from '@overlay/core';
import type { PathReport } from '@overlay/core/reachability';
import { reachabilityLines } from '../../dist/commands/reachability-text.js';
import { statusText } from '../../dist/commands/status-text.js';

const NOW = Date.parse('2026-01-02T03:00:00Z');

function path(peer: string, more: Partial<PathReport>): PathReport {
  return {
    peer,
    family: 'ipv4',
    target: `10.244.${peer.slice(1)}.0` as Address,
    state: 'unreachable',
    sent: 9,
    lost: 3,
    unreachableSince: NOW - 12_000,
    ...more,
  };
}

test('the peers that do not answer any more, the others as numbers', () => {
  const peers = [
    path('h1', {}),
    path('h2', { problem: 'Network is unreachable' }),
    path('h3', {}),
    path('h4', { state: 'unknown' }),
  ];
  const reachability = { rate: 5, counts: { reachable: 7, unreachable: 30, unknown: 1 }, peers };
  expect(reachabilityLines(reachability, NOW, 2)).toEqual([
    ['probes', '7 answered, 30 not answered any more, 1 never answered'],
    ['', 'h1: 10.244.1.0 has not answered for 12 s'],
    ['', 'h2: 10.244.2.0 has not answered for 12 s (Network is unreachable)'],
    ['', 'and 28 more, see overlay status --json'],
  ]);
});

test('why nothing is probed, in the text of the whole status', () => {
  const program = { instance: 'default', pid: 1, version: '1', startedAt: NOW };
  const counts = { reachable: 0, unreachable: 0, unknown: 0 };
  const reachability = { rate: 5, problem: 'raw-socket is not installed', counts, peers: [] };
  const text = statusText({ phase: 'ready', kernelWrites: 0, program, reachability }, NOW);
  expect(text).toContain('\nprobes      0 answered, 0 not answered any more, 0 never answered\n');
  expect(text).toContain('\n            raw-socket is not installed\n');
});
