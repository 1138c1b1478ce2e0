import type { Address, Family, PerFamily, Prefix } from '@overlay/core';
import type { ReadyHost } from '../agent/ready.js';
import type { LabHost } from '../host/lab-host.js';
import type { NetworkNode } from '../host/network-node.js';
import type { PairKind, PairResult } from '../measure/ping-matrix.js';
import { cameBack } from '../measure/ping-matrix.js';
import type { StoreName } from '../store/lab-store.js';
import type { FamilyChoice } from './arguments.js';

/** A pod in {@link LabReport}. */
export interface PodReport {
  readonly netns: string;
  /** The IPv4 address, or the IPv6 address of a pod that has no other. */
  readonly address: Address;
  readonly addresses: PerFamily<Address>;
}

/** A host in {@link LabReport}. */
export interface HostReport {
  readonly name: string;
  readonly netns: string;
  /** The IPv4 address on the underlay, or the IPv6 address of a host that has no other. */
  readonly publicIP: Address;
  readonly publicIPs: PerFamily<Address>;
  /** The leased IPv4 subnet, or the IPv6 subnet of a host that has no other; null while there is none. */
  readonly subnet: Prefix | null;
  readonly subnets: PerFamily<Prefix>;
  /** MTU of its pods in bytes. */
  readonly mtu: number | null;
  /** From the start of the agent to its writing of subnet.env, in milliseconds. */
  readonly subnetEnvMs: number | null;
  readonly pods: readonly PodReport[];
}

/** One direction of the ping matrix in {@link LabReport}. */
export interface PingReport {
  readonly from: string;
  readonly to: Address;
  readonly sent: number;
  readonly received: number;
  /** Median; null when nothing came back. */
  readonly rttMs: number | null;
  readonly kind: PairKind;
  readonly family: Family;
  /** Packets of `packetSize` bytes, the MTU, that must not be fragmented; none is sent where no small one came back. */
  readonly fullMtu: { readonly packetSize: number; readonly sent: number; readonly received: number };
  /** What `ping` said, when something did not come back. */
  readonly problem?: string;
}

/** A measurement in {@link LabReport}. */
export interface ThroughputReport {
  readonly from: Address;
  readonly to: Address;
  readonly mbps: number;
  readonly family: Family;
}

/** The object that `overlay lab --json` prints. Members may be added; none is renamed or removed. */
export interface LabReport {
  /** Every ping of every family came back, and nothing else failed. */
  readonly ok: boolean;
  readonly store: StoreName;
  readonly backend: string;
  readonly family: FamilyChoice;
  readonly hosts: readonly HostReport[];
  readonly pings: readonly PingReport[];
  readonly throughput: readonly ThroughputReport[];
  /** What ended it early. */
  readonly error?: string;
}

/** The one address, or prefix, that stands for a node: IPv4 where there is one. */
export function primary<T>(of: PerFamily<T>): T | undefined {
  return of.ipv4 ?? of.ipv6;
}

function hostReport(host: LabHost, ready: ReadyHost | undefined): HostReport {
  return {
    name: host.name,
    netns: host.netns,
    publicIP: primary(host.addresses) as Address,
    publicIPs: host.addresses,
    subnet: primary(ready?.subnets ?? {}) ?? null,
    subnets: ready?.subnets ?? {},
    mtu: ready?.mtu ?? null,
    subnetEnvMs: ready === undefined ? null : Math.round(ready.subnetEnvMs),
    pods: host.pods.map(({ netns, addresses }) => ({ netns, address: primary(addresses) as Address, addresses })),
  };
}

/** How a report names where a ping came from: its address in the ping's family, or its name when it has none. */
function sourceOf(node: NetworkNode, family: Family): string {
  return node.addresses[family] ?? node.name;
}

function pingReport(result: PairResult): PingReport {
  const { pair, fullMtu } = result;
  const problem = result.problem ?? fullMtu.problem;
  return {
    from: sourceOf(pair.from, pair.family),
    to: pair.address,
    sent: result.sent,
    received: result.received,
    rttMs: result.rttMs,
    kind: pair.kind,
    family: pair.family,
    fullMtu: { packetSize: pair.mtu, sent: fullMtu.sent, received: fullMtu.received },
    ...(problem === undefined ? {} : { problem }),
  };
}

/** What is known of a lab at its end. */
export interface LabOutcome {
  readonly store: StoreName;
  readonly backend: string;
  readonly family: FamilyChoice;
  readonly hosts: readonly LabHost[];
  readonly ready: ReadonlyMap<LabHost, ReadyHost>;
  readonly pings: readonly PairResult[];
  readonly throughput: readonly ThroughputReport[];
  readonly error?: string;
}

/** The object for `--json`. Without a single ping nothing was shown, so that is not ok either. */
export function labReport(outcome: LabOutcome): LabReport {
  const { store, backend, family, hosts, ready, pings, throughput, error } = outcome;
  return {
    ok: error === undefined && pings.length > 0 && pings.every(cameBack),
    store,
    backend,
    family,
    hosts: hosts.map((host) => hostReport(host, ready.get(host))),
    pings: pings.map(pingReport),
    throughput,
    ...(error === undefined ? {} : { error }),
  };
}
