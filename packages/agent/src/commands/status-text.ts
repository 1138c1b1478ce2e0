import type { AgentStatus, HeldLease, HeldRemoval, HeldSubnet } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import type { FlatReport } from '../report/host-report.js';
import { staleness } from '../report/staleness.js';
import { reachabilityLines } from './reachability-text.js';
import { ago, inWords, moment } from './time-text.js';

/** The most lines of one sort; the counts tell of all, and `--json` has more. */
const LISTED = 10;

type Line = readonly [label: string, text: string];

/** How a host is, for a person who was woken by it: first whether it works and why not, then what there is to mend. */
export function statusText(report: FlatReport, now: number): string {
  const lines = [
    ...headLines(report, now),
    ...hostLines(report, now),
    ...changeLines(report),
    ...peerLines(report),
    ...(report.reachability === undefined ? [] : reachabilityLines(report.reachability, now, LISTED)),
    ...heldLines(report, now),
    ...troubleLines(report),
  ];
  return lines.map(([label, text]) => `${label.padEnd(12)}${text}\n`).join('');
}

function headLines({ readiness, phase, hostId, waitingFor = [], program, failure }: FlatReport, now: number): Line[] {
  const { instance, pid, version, startedAt } = program;
  const who = `host ${hostId ?? '(not known yet)'}, instance ${instance}`;
  const since = `pid ${pid}, version ${version}, up for ${inWords(now - startedAt)}`;
  const state = readiness?.ready === true ? 'ready' : 'NOT READY';
  const waiting = waitingFor.length > 0 ? waitingFor : (readiness?.reasons ?? []).map(({ message }) => message);
  return [
    [state, `${who}; overlayd ${since}${phase === 'impaired' ? '; it was ready before' : ''}`],
    ...(readiness?.ready === true ? [] : waiting.map((what): Line => ['waiting for', what])),
    ...(readiness === undefined ? [['waiting for', 'the agent is starting'] as Line] : []),
    ...(failure === undefined ? [] : [['failure', failure] as Line]),
  ];
}

function hostLines(report: FlatReport, now: number): Line[] {
  const { config, host, mtu, ownLease, confirmedAt, phase } = report;
  const lines: Line[] = [];
  const backend = config?.backend.type;
  if (backend !== undefined) lines.push(['backend', `${backend}${mtu === undefined ? '' : `, MTU ${mtu} for pods`}`]);
  if (host !== undefined) {
    const addresses = FAMILIES.flatMap((family) => {
      const own = host[family];
      if (own === undefined) return [];
      return [own.publicIP === own.address ? own.address : `${own.address} (peers are told ${own.publicIP})`];
    });
    const carrier = host.interface.running === false ? ', without carrier' : '';
    lines.push(['interface', `${host.interface.name} ${addresses.join(', ')}, MTU ${host.interface.mtu}${carrier}`]);
  }
  if (ownLease !== undefined) {
    const { subnets, expiresAt } = ownLease;
    const until = expiresAt === undefined ? 'a reservation, without end' : `until ${moment(expiresAt, now)}`;
    lines.push(['lease', `${FAMILIES.flatMap((family) => subnets[family] ?? []).join(', ')}; ${until}`]);
  }
  if (confirmedAt !== undefined) {
    const why = staleness(report, now);
    const stale = why === undefined ? '' : `STALE: ${why}; `;
    lines.push(['store', `${stale}the leases known here were last confirmed ${ago(confirmedAt, now)}`]);
  } else if (phase !== 'idle') {
    lines.push(['store', 'the leases have never been read']);
  }
  return lines;
}

function changeLines({ applying, pending }: Partial<AgentStatus>): Line[] {
  const lines: Line[] = [];
  for (const change of applying?.changes ?? []) lines.push(['applying', change]);
  if (applying !== undefined) lines.push(['', applying.progress]);
  for (const change of pending?.changes ?? []) lines.push(['pending', change]);
  if (pending?.refused !== undefined) lines.push(['', `not taken before the next restart: ${pending.refused}`]);
  else if (pending !== undefined) lines.push(['', 'taken at the next restart, or now by: overlay apply']);
  return lines;
}

function peerLines({ network, peers = 0 }: Partial<AgentStatus>): Line[] {
  if (network === undefined) return [['peers', `${peers} known, no network yet`]];
  const { objects, pending, failed, problems } = network;
  const doing = `${objects} objects in the kernel, ${pending} on their way, ${failed} failed`;
  const lines: Line[] = [['peers', `${network.peers}; ${doing}`]];
  for (const { peer, message } of problems.slice(0, LISTED)) {
    lines.push([peer === undefined ? 'problem' : 'peer', peer === undefined ? message : `${peer}: ${message}`]);
  }
  if (problems.length > LISTED) lines.push(['', `and more: ${failed} in all, see overlay status --json`]);
  return lines;
}

function heldLines(
  { heldLeases = [], heldLeaseCount = 0, heldRemovals = [], heldRemovalCount = 0 }: Partial<AgentStatus>,
  now: number,
): Line[] {
  const lines: Line[] = [];
  if (heldLeaseCount > 0) {
    lines.push(['held', `leases that are not believed, or only in part: ${heldLeaseCount}`]);
    lines.push(...listed(heldLeases, heldLeaseCount, (lease) => `${lease.key}: ${whyHeld(lease)}`));
  }
  if (heldRemovalCount > 0) {
    const until = Math.max(...heldRemovals.map((removal) => removal.until));
    const unlisted = heldRemovals.some(({ what }) => what === 'unlisted');
    const text = `${heldRemovalCount} ${unlisted ? "peers' subnets" : 'peers'} would go at once; they stay until ${moment(until, now)}, then the store is asked again`;
    lines.push(['removals', text]);
    lines.push(...listed(heldRemovals, heldRemovalCount, (removal) => `${removal.key}: ${whatRemoval(removal)}`));
  }
  return lines;
}

function listed<T>(all: readonly T[], count: number, text: (one: T) => string): Line[] {
  const some = all.slice(0, LISTED).map((one): Line => ['', text(one)]);
  return count > some.length ? [...some, ['', `and ${count - some.length} more, see overlay status --json`]] : some;
}

function whyHeld({ problem, reasons, endpoints }: HeldLease): string {
  const each = FAMILIES.flatMap((family) => (reasons[family] === undefined ? [] : [`${family}: ${reasons[family]}`]));
  return [problem, ...each, endpoints].filter((text) => text !== undefined).join('; ');
}

function whatRemoval({ what }: Pick<HeldRemoval | HeldSubnet, 'what'>): string {
  switch (what) {
    case 'unlisted':
      return 'no lease has it, and this host has had a way to it since before the agent started';
    case 'gone':
      return 'its lease is gone';
    case 'changed':
      return 'its lease has other subnets';
    case 'refused':
      return 'its lease is not believed as it is now';
  }
}

function troubleLines({ problems = [], conflicts = [], findings = [] }: Partial<AgentStatus>): Line[] {
  return [
    ...problems.map((problem): Line => ['problem', problem]),
    ...conflicts.filter((conflict) => !problems.some((p) => p.includes(conflict))).map((c): Line => ['conflict', c]),
    ...findings.flatMap(({ level, message, remedy }): Line[] => [
      [level, message],
      ['', `remedy: ${remedy}`],
    ]),
  ];
}
