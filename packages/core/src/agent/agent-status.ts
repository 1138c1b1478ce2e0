import { FAMILIES } from '../lease.js';
import type { Missing } from './readiness.js';
import { readinessOf, waitingFor } from './readiness.js';
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
}

/** What keeps the host from carrying traffic, by condition. */
export function missingOf(supervisor: Supervisor): Missing {
  const { config, host, netConf, file, feed } = supervisor;
  const { dataplane } = supervisor.succession;
  const { own, network, networkState, snapshotApplied } = dataplane ?? {};
  const missing: Missing = {};
  if (netConf === undefined && config.waiting !== undefined) {
    missing.configuration = { message: config.waiting, follows: false };
  }
  if (host.waiting !== undefined) missing.interface = { message: host.waiting, follows: false };
  if (own === undefined) {
    missing.lease = {
      message: dataplane?.leaseWaiting ?? 'a lease, which needs a configuration first',
      follows: dataplane === undefined || (host.waiting !== undefined && dataplane.waitsForHost),
    };
  }
  if (networkState?.phase !== 'ready') {
    missing.device = { message: deviceText(supervisor), follows: own === undefined };
  }
  if (snapshotApplied !== true) {
    missing.snapshot = {
      message: feed.hasSnapshot ? 'the known peers are being set up' : 'the first list of leases from the store',
      follows: own === undefined || (network === undefined && feed.hasSnapshot),
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
  const { dataplane, applying } = succession;
  const { own, networkState, network } = dataplane ?? {};
  const missing = missingOf(supervisor);
  const held = [...table.held()];
  const removals = [...table.heldRemovals()];
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
    ...(network && { network: network.status() }),
    peers: table.size,
    heldLeases: held.slice(0, LISTED),
    heldLeaseCount: held.length,
    heldRemovals: removals.slice(0, LISTED),
    heldRemovalCount: removals.length,
    conflicts: own?.problem === undefined ? [] : [own.problem],
    findings: preflight.findings,
    ...(frame.confirmedAt !== undefined && { confirmedAt: frame.confirmedAt }),
    ...(frame.failure !== undefined && { failure: frame.failure }),
  };
}

function deviceText({ succession }: Supervisor): string {
  const { dataplane } = succession;
  const state = dataplane?.networkState;
  if (state !== undefined) {
    return (
      state.problem ?? (state.phase === 'failed' ? 'own device cannot be made at present' : 'own device is being made')
    );
  }
  return dataplane?.networkWaiting ?? 'own device, which needs a lease first';
}

/** A file of other subnets than the lease's would give pods addresses that nobody routes to. */
function fileAsItShouldBe({ file, succession }: Supervisor): boolean {
  const subnets = succession.dataplane?.own?.lease.subnets;
  const written = file?.written;
  if (subnets === undefined || written === undefined) return false;
  return FAMILIES.every((family) => written[family] === undefined || written[family].subnet === subnets[family]);
}

function problemsOf({ config, file, succession }: Supervisor): string[] {
  const { dataplane } = succession;
  const problems: string[] = [];
  if (config.problem !== undefined) problems.push(`configuration: ${config.problem}`);
  if (dataplane?.publishProblem !== undefined) problems.push(dataplane.publishProblem);
  if (dataplane?.own?.problem !== undefined) problems.push(`own lease: ${dataplane.own.problem}`);
  if (file?.problem !== undefined) problems.push(file.problem);
  return problems;
}
