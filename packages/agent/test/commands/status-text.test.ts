import { expect, test } from '@jest/globals';
import type { Address, HeldRemoval, Lease, Prefix } from '@overlay/core';
import { parseNetConf } from '@overlay/core';
import { statusText } from '../../dist/commands/status-text.js';
import { ago, inWords, moment } from '../../dist/commands/time-text.js';
import type { FlatReport } from '../../dist/report/host-report.js';

const NOW = Date.parse('2026-01-02T03:00:00Z');
const MINUTE = 60_000;

const PROGRAM = { instance: 'default', pid: 4711, version: '1.2.3', startedAt: NOW - 3 * 3_600_000 - 12 * MINUTE };

function lease(key: string, subnet: string): Lease {
  return { key, subnets: { ipv4: subnet as Prefix }, attributes: { backendType: 'vxlan' } };
}

const WELL: FlatReport = {
  program: PROGRAM,
  kernelWrites: 0,
  phase: 'ready',
  hostId: 'h1',
  readiness: { ready: true, reasons: [] },
  waitingFor: [],
  problems: [],
  config: parseNetConf('{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan"}}'),
  host: {
    interface: { name: 'eth0', index: 2, mtu: 1500, broadcast: true },
    ipv4: { address: '192.168.77.11' as Address, publicIP: '192.168.77.11' as Address },
  },
  ownLease: { ...lease('h1', '10.244.1.0/24'), expiresAt: NOW + 23 * 3_600_000 + 5 * MINUTE },
  mtu: 1450,
  network: { peers: 12, objects: 39, pending: 0, failed: 0, problems: [] },
  peers: 12,
  heldLeases: [],
  heldLeaseCount: 0,
  heldRemovals: [],
  heldRemovalCount: 0,
  conflicts: [],
  findings: [],
  confirmedAt: NOW - 4000,
};

test('a host that is well fits on six lines', () => {
  expect(statusText(WELL, NOW)).toBe(`\
ready       host h1, instance default; overlayd pid 4711, version 1.2.3, up for 3 h 12 min
backend     vxlan, MTU 1450 for pods
interface   eth0 192.168.77.11, MTU 1500
lease       10.244.1.0/24; until 2026-01-03T02:05:00Z (in 23 h 5 min)
store       the leases known here were last confirmed 4 s ago
peers       12; 39 objects in the kernel, 0 on their way, 0 failed
`);
});

test('a host that is not well says first that it is not ready and why, then everything else', () => {
  const removals = Array.from({ length: 12 }, (_, n): HeldRemoval => {
    const key = `gone${n + 1}`;
    return { key, lease: lease(key, `10.244.${n + 20}.0/24`), what: 'gone', since: NOW - 18_000, until: NOW + 42_000 };
  });
  const report: FlatReport = {
    ...WELL,
    phase: 'impaired',
    readiness: { ready: false, reasons: [{ condition: 'device', message: 'flannel.1 cannot be made' }] },
    waitingFor: ['device: flannel.1 cannot be made'],
    host: {
      interface: { name: 'eth0', index: 2, mtu: 1500, broadcast: true, running: false },
      ipv4: { address: '10.0.0.2' as Address, publicIP: '203.0.113.9' as Address },
    },
    ownLease: lease('h1', '10.244.1.0/24'),
    confirmedAt: NOW - 6 * MINUTE,
    pending: { netConf: parseNetConf('{"Network":"10.244.0.0/16","Backend":{"Type":"host-gw"}}'), changes: ['A', 'B'] },
    network: {
      peers: 12,
      objects: 39,
      pending: 2,
      failed: 1,
      problems: [{ peer: 'h7', message: 'no VtepMAC' }, { message: 'flannel.1: refused' }],
    },
    heldLeases: [{ key: 'h9', reasons: { ipv4: 'overlaps ours' }, endpoints: 'one of its ways is none' }],
    heldLeaseCount: 1,
    heldRemovals: removals.slice(0, 11),
    heldRemovalCount: 12,
    problems: ['own lease: taken by h3'],
    conflicts: ['taken by h3', 'h4 publishes our address'],
    findings: [
      { level: 'error', check: 'forward-policy', message: 'FORWARD drops', remedy: 'iptables -P FORWARD ACCEPT' },
    ],
  };
  expect(statusText(report, NOW)).toBe(`\
NOT READY   host h1, instance default; overlayd pid 4711, version 1.2.3, up for 3 h 12 min; it was ready before
waiting for device: flannel.1 cannot be made
backend     vxlan, MTU 1450 for pods
interface   eth0 10.0.0.2 (peers are told 203.0.113.9), MTU 1500, without carrier
lease       10.244.1.0/24; a reservation, without end
store       STALE: the store does not answer; the leases known here were last confirmed 6 min ago
pending     A
pending     B
            taken at the next restart, or now by: overlay apply
peers       12; 39 objects in the kernel, 2 on their way, 1 failed
peer        h7: no VtepMAC
problem     flannel.1: refused
held        leases that are not believed, or only in part: 1
            h9: ipv4: overlaps ours; one of its ways is none
removals    12 peers would go at once; they stay until 2026-01-02T03:00:42Z (in 42 s), then the store is asked again
${removals
  .slice(0, 10)
  .map(({ key }) => `            ${key}: its lease is gone\n`)
  .join('')}            and 2 more, see overlay status --json
problem     own lease: taken by h3
conflict    h4 publishes our address
error       FORWARD drops
            remedy: iptables -P FORWARD ACCEPT
`);
});

test('an agent that is only just starting says so', () => {
  const text = statusText({ program: PROGRAM, kernelWrites: 0, phase: 'idle', findings: [] }, NOW);
  expect(text).toMatch(/^NOT READY {3}host \(not known yet\)/);
  expect(text).toContain('waiting for the agent is starting\n');
});

test.each([
  [0, '0 s'],
  [59_999, '59 s'],
  [MINUTE, '1 min'],
  [61_000, '1 min 1 s'],
  [25 * 60 * MINUTE, '1 d 1 h'],
  [-5, '0 s'],
])('%d ms are %s', (ms, text) => {
  expect(inWords(ms)).toBe(text);
});

test('moments are told with their distance, before and behind', () => {
  expect(moment(NOW + 500, NOW)).toBe('2026-01-02T03:00:00Z (in 0 s)');
  expect(moment(NOW - MINUTE, NOW)).toBe('2026-01-02T02:59:00Z (1 min ago)');
  expect(ago(NOW - 1000, NOW)).toBe('1 s ago');
});
