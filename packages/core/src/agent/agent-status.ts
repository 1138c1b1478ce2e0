import { FAMILIES } from '../lease.js';
import type { Missing } from './readiness.js';
import { readinessOf, waitingFor } from './readiness.js';
import { sharedAddressTexts } from './shared-addresses.js';
import type { AgentPhase, AgentStatus } from './status.js';
import type { Supervisor } from './supervisor.js';

/** The most held leases and removals that are listed; the counts tell of all. */
const LISTED = 100;

/** What an agent knows beside its parts. */
export interface StatusFrame {
  readonly phase: AgentPhase;
  readonly hostId: string;
  readonly confirmedAt: number | undefined;
  readonly failure: string | undefined;
  /** What the two readings of the clock say, see `Clock`. */
  readonly now: number;
  readonly elapsed: number;
}

/** What keeps the host from carrying traffic, by condition. */
export function missingOf(supervisor: Supervisor): Missing {
  const { config, host, netConf, file, feed, succession } = supervisor;
  const { own, carriage, snapshotApplied, leaseWaiting } = succession;
  const missing: Missing = {};
  if (netConf === undefined && config.waiting !== undefined) {
    missing.configuration = { message: config.waiting, follows: false };
  }
  if (host.waiting !== undefined) missing.interface = { message: host.waiting, follows: false };
  if (own === undefined) {
    missing.lease = {
      message: leaseText(supervisor),
      follows: leaseWaiting === undefined || (host.waiting !== undefined && succession.waitsForHost),
    };
  }
  if (own?.lost) missing.lease = { message: own.problem ?? 'another host has the lease', follows: false };
  if (carriage.state?.phase !== 'ready') {
    missing.device = { message: deviceText(supervisor), follows: own === undefined };
  }
  if (!snapshotApplied) {
    missing.snapshot = {
      message: feed.hasSnapshot ? 'the known peers are being set up' : 'the first list of leases from the store',
      follows: own === undefined || (!succession.carrying && feed.hasSnapshot),
    };
  }
  if (file !== undefined && !fileAsItShouldBe(supervisor)) {
    const message = file.problem ?? 'subnet.env is not written yet';
    missing['subnet-env'] = { message, follows: missing.device !== undefined || missing.snapshot !== undefined };
  }
  return missing;
}

/** The agent's status, put together from its parts. */
export function agentStatus(supervisor: Supervisor, frame: StatusFrame): AgentStatus {
  const { netConf, pending, host, table, preflight, succession } = supervisor;
  const { applying, own, carriage } = succession;
  const { state: networkState, status: network } = carriage;
  const missing = missingOf(supervisor);
  const held = [...table.held()];
  const removals = [...table.heldRemovals(), ...supervisor.feed.left.held()];
  // They are held by a clock that nobody sets, and shown by the one on the wall.
  const wall = (elapsed: number): number => Math.round(frame.now + elapsed - frame.elapsed);
  return {
    phase: frame.phase,
    hostId: frame.hostId,
    readiness: readinessOf(missing),
    waitingFor: waitingFor(missing),
    problems: problemsOf(supervisor),
    ...(netConf && { config: netConf }),
    ...(pending && { pending }),
    ...(applying && { applying }),
    ...(host.host && { host: host.host }),
    ...(own && { ownLease: own.lease }),
    ...(networkState && { mtu: networkState.mtu, networkState }),
    ...(network && { network }),
    peers: table.size,
    heldLeases: held.slice(0, LISTED),
    heldLeaseCount: held.length,
    heldRemovals: removals
      .slice(0, LISTED)
      .map((removal) => ({ ...removal, since: wall(removal.since), until: wall(removal.until) })),
    heldRemovalCount: removals.length,
    conflicts: own?.problem === undefined ? [] : [own.problem],
    findings: [...supervisor.mtu.findings(), ...preflight.findings],
    ...(frame.confirmedAt !== undefined && { confirmedAt: frame.confirmedAt }),
    ...((supervisor.feed.remembered || own?.remembered) && { remembered: true }),
    ...(frame.failure !== undefined && { failure: frame.failure }),
  };
}

/** What keeps this host from having a lease. */
function leaseText({ succession, netConf, config, host: { host } }: Supervisor): string {
  const waiting = succession.leaseWaiting;
  if (waiting === undefined) return 'a lease, which needs a configuration first';
  const conf = netConf ?? succession.carriage.base?.netConf;
  const without = FAMILIES.filter((family) => conf?.[family] && host !== undefined && !host[family]);
  if (without.length === 0 || config.waiting !== undefined) return waiting;
  const names = without.map((family) => (family === 'ipv4' ? 'IPv4' : 'IPv6')).join(' or ');
  return `${waiting} (interface ${host?.interface.name} has no ${names} address)`;
}

function deviceText({ succession }: Supervisor): string {
  const { state } = succession.carriage;
  if (state !== undefined) {
    return (
      state.problem ?? (state.phase === 'failed' ? 'own device cannot be made at present' : 'own device is being made')
    );
  }
  return succession.carriage.waiting ?? 'own device, which needs a lease first';
}

/** A file of other subnets than the lease's would give pods addresses that nobody routes to. */
function fileAsItShouldBe({ file, succession }: Supervisor): boolean {
  const subnets = succession.own?.lease.subnets;
  const written = file?.written;
  if (subnets === undefined || written === undefined) return false;
  return FAMILIES.every((family) => written[family] === undefined || written[family].subnet === subnets[family]);
}

function problemsOf({ config, file, record, succession, table }: Supervisor): string[] {
  const { own, publishProblem, carriage } = succession;
  const { state: networkState, waiting: networkWaiting } = carriage;
  const problems: string[] = [];
  if (config.problem !== undefined) problems.push(`configuration: ${config.problem}`);
  if (publishProblem !== undefined) problems.push(publishProblem);
  if (own?.problem !== undefined && !own.lost) problems.push(`own lease: ${own.problem}`);
  // Else it is told as what keeps the host from being ready.
  if (networkState !== undefined && networkWaiting !== undefined) problems.push(networkWaiting);
  if (file?.problem !== undefined) problems.push(file.problem);
  if (record.problem !== undefined) problems.push(record.problem);
  return [...problems, ...sharedAddressTexts(table).values()];
}
