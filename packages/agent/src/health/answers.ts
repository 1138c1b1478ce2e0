import type { AgentStatus, Finding, HeldLease } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import type { PathReport, Reachability } from '@overlay/core/reachability';
import type { HostReport } from '../report/host-report.js';
import { reportJson } from '../report/host-report.js';
import { staleness } from '../report/staleness.js';

/** What is answered to a request. */
export interface Answer {
  readonly status: number;
  /** The media type. */
  readonly type: string;
  readonly body: string;
}

/** The most lines of one kind; the counts tell of all. */
const LISTED = 20;

function text(status: number, lines: readonly string[]): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${lines.join('\n')}\n` };
}

/** `/healthz`: whoever is answered at all has met a loop that turns. */
export function healthz(): Answer {
  return text(200, ['flanneld is running']);
}

/**
 * `/readyz`: 200 when this host can carry traffic, else 503; flanneld's words first, then one line for each thing that
 * is waited for or not as it should be. Trouble of peers or of the store is told and does not make it 503.
 */
export function readyz(
  status: AgentStatus | undefined,
  findings: readonly Finding[],
  reachability?: Reachability,
  now = Date.now(),
): Answer {
  if (status === undefined) return text(503, ['flanneld is not ready yet', 'waiting: the agent is starting']);
  const { ready, reasons } = status.readiness;
  const waiting = status.waitingFor.length > 0 ? status.waitingFor : reasons.map(({ message }) => message);
  const lines = [
    ready ? 'flanneld is ready' : 'flanneld is not ready yet',
    ...(ready ? [] : waiting.map((what) => `waiting: ${what}`)),
    ...staleLines(status, now),
    ...pendingLines(status),
    ...status.problems.map((problem) => `problem: ${problem}`),
    ...peerLines(status),
    ...(reachability === undefined ? [] : probeLines(reachability)),
    ...heldLines(status),
    ...[...findings, ...status.findings].map(({ level, message, remedy }) => `${level}: ${message}; ${remedy}`),
  ];
  return text(ready ? 200 : 503, lines);
}

/** `/status`: everything that the agent knows of itself. */
export function statusAnswer(report: HostReport): Answer {
  return { status: 200, type: 'application/json', body: `${reportJson(report, 2)}\n` };
}

/** `/status` to another host: it names every peer and the configuration, and the port may be open to the whole network. */
export function statusRefused(): Answer {
  return text(403, ['the status is told on this host only: ask by its loopback address, or run overlay status']);
}

function heldLine({ key, reasons, problem, endpoints }: HeldLease): string {
  const why = FAMILIES.flatMap((family) => (reasons[family] === undefined ? [] : [`${family}: ${reasons[family]}`]));
  return `held lease ${key}: ${[problem, ...why, endpoints].filter((text) => text !== undefined).join('; ')}`;
}

function staleLines(status: AgentStatus, now: number): string[] {
  const stale = staleness(status, now);
  if (stale === undefined) return [];
  const at = status.confirmedAt === undefined ? '' : `; last confirmed ${new Date(status.confirmedAt).toISOString()}`;
  return [`stale: ${stale}${at}`];
}

function pendingLines({ pending, applying }: AgentStatus): string[] {
  const lines: string[] = [];
  if (applying !== undefined) lines.push(`applying: ${applying.changes.join('; ')}: ${applying.progress}`);
  if (pending?.refused !== undefined) {
    lines.push(`pending, not taken under traffic: ${pending.changes.join('; ')}: ${pending.refused}`);
  } else if (pending !== undefined) {
    lines.push(`pending until the next restart or overlay apply: ${pending.changes.join('; ')}`);
  }
  return lines;
}

function peerLines({ network }: AgentStatus): string[] {
  if (network === undefined) return [];
  const lines = network.problems
    .slice(0, LISTED)
    .map(({ peer, message }) => (peer === undefined ? `problem: ${message}` : `peer ${peer}: ${message}`));
  const more = network.problems.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more problems; ${network.failed} objects or peers in all`] : lines;
}

function probeLines({ problem, counts, peers }: Reachability): string[] {
  const lost = peers.filter(({ state }) => state === 'unreachable').slice(0, LISTED);
  const lines = lost.map(probeLine);
  if (counts.unreachable > lines.length)
    lines.push(`and ${counts.unreachable - lines.length} more do not answer probes`);
  return problem === undefined ? lines : [`warning: peers are not all probed: ${problem}`, ...lines];
}

/** Only a peer that has answered before can be told from one that never does. */
function probeLine({ peer, family, target, unreachableSince = 0, problem }: PathReport): string {
  const since = new Date(unreachableSince).toISOString();
  const why = problem === undefined ? '' : ` (${problem})`;
  return `warning: peer ${peer} does not answer ${family} probes of ${target} any more, since ${since}${why}`;
}

function heldLines({ heldLeases, heldLeaseCount, heldRemovals, heldRemovalCount }: AgentStatus): string[] {
  const lines = heldLeases.slice(0, LISTED).map(heldLine);
  if (heldLeaseCount > lines.length) lines.push(`and ${heldLeaseCount - lines.length} more held leases`);
  if (heldRemovalCount > 0) {
    const some = heldRemovals.slice(0, LISTED).map(({ key }) => key);
    const more = heldRemovalCount > some.length ? ` and ${heldRemovalCount - some.length} more` : '';
    lines.push(`held removals of many peers at once (${heldRemovalCount}): ${some.join(', ')}${more}`);
  }
  return lines;
}
