import { describe, expect, test } from '@jest/globals';
import { parseAddress } from '@overlay/core';
import { nextCommand, pingAdvice } from '../../dist/command/advice.js';
import { drawTopology, pingCell, pingTable } from '../../dist/command/tables.js';
import { NetworkNode } from '../../dist/host/network-node.js';
import type { PairResult } from '../../dist/measure/ping-matrix.js';
import { labShape } from '../../dist/plan/options.js';
import { planTopology } from '../../dist/plan/topology.js';

function node(name: string, address: string): NetworkNode {
  return new NetworkNode({ name, netns: `ovl-x-${name}`, addresses: { ipv4: parseAddress(address) } });
}

const nodes = {
  h1: node('h1', '192.168.77.11'),
  h1p1: node('h1p1', '10.244.1.2'),
  h2p1: node('h2p1', '10.244.2.2'),
  h10p1: node('h10p1', '10.244.10.2'),
};

function result(from: keyof typeof nodes, to: keyof typeof nodes, outcome: Partial<PairResult> = {}): PairResult {
  const address = nodes[to].addresses.ipv4 ?? parseAddress('0.0.0.0');
  return {
    pair: { kind: 'pod-pod', family: 'ipv4', from: nodes[from], to: nodes[to], address, mtu: 1450 },
    sent: 3,
    received: 3,
    rttMs: 0.0812,
    fullMtu: { sent: 1, received: 1, rttMs: 0.1 },
    ...outcome,
  };
}

const lost = { received: 0, rttMs: null, problem: 'no answer', fullMtu: { sent: 0, received: 0, rttMs: null } };
const tooBig = { fullMtu: { sent: 1, received: 0, rttMs: null, problem: 'message too long, mtu=1400' } };

test.each([
  [{}, '0.08'],
  [lost, 'LOST'],
  [{ received: 2, problem: 'no answer' }, '2/3'],
  [tooBig, 'MTU'],
])('the cell of %j is %s', (outcome, cell) => {
  expect(pingCell(result('h1p1', 'h2p1', outcome))).toBe(cell);
});

describe('pingTable', () => {
  test('hosts come before pods, in the order of their numbers', () => {
    const results = [
      result('h10p1', 'h2p1'),
      result('h2p1', 'h10p1', lost),
      result('h1', 'h2p1', tooBig),
      result('h1p1', 'h1'),
    ];
    expect(pingTable(results, 'ipv4')).toEqual([
      '       h1    h2p1  h10p1',
      'h1     ·     MTU   ·',
      'h1p1   0.08  ·     ·',
      'h2p1   ·     ·     LOST',
      'h10p1  ·     0.08  ·',
    ]);
    expect(pingTable(results, 'ipv6')).toEqual([]);
  });
});

test('the topology is a tree', () => {
  const topology = planTopology(labShape({ hosts: 3, underlay: 'routed', name: 'x' }, () => ''));
  expect(drawTopology(topology)).toEqual([
    'router  ovl-x-router',
    '├─ br0  192.168.77.0/24  mtu 1500',
    '│  ├─ h1  eth0 192.168.77.11  ovl-x-h1',
    '│  └─ h2  eth0 192.168.77.12  ovl-x-h2',
    '└─ br1  192.168.78.0/24  mtu 1500',
    '   └─ h3  eth0 192.168.78.13  ovl-x-h3',
  ]);
});

describe('advice', () => {
  test('nothing to say when all came back', () => {
    expect(pingAdvice([result('h1p1', 'h2p1')], false)).toEqual([]);
  });

  test('names the ping, what ping said, and the next command', () => {
    expect(pingAdvice([result('h1p1', 'h2p1'), result('h1', 'h2p1', lost)], false)).toEqual([
      'h1 -> h2p1 (10.244.2.2): 0 of 3 came back: no answer',
      'next, after running it again with --keep: ip netns exec ovl-x-h1 ip route get 10.244.2.2',
    ]);
  });

  test('a size that does not pass is told as that', () => {
    expect(pingAdvice([result('h1', 'h2p1', tooBig)], true)).toEqual([
      'h1 -> h2p1 (10.244.2.2): packets of 1450 bytes, the MTU, do not pass unfragmented: message too long, mtu=1400',
      'next: ip netns exec ovl-x-h1 ping -M do -s 1422 10.244.2.2',
    ]);
  });

  test('loss is looked for at the far end', () => {
    expect(nextCommand(result('h1', 'h2p1', { received: 2 }))).toBe('ip netns exec ovl-x-h2p1 tcpdump -n -i eth0');
  });

  test('many failures are counted, not listed', () => {
    const many = Array.from({ length: 8 }, () => result('h1', 'h2p1', lost));
    expect(pingAdvice(many, false)).toHaveLength(7);
    expect(pingAdvice(many, false)[5]).toBe('and 3 more');
  });
});
