import type { Address, Family, HostState, Logger, PerFamily, Prefix } from '@overlay/core';
import type { Lab, PodNetwork } from '@overlay/lab';
import type { Observable } from 'rxjs';
import type { Need } from '../../suite/test-record.js';
import type { View } from './view.js';

/**
 * Where a backend is tested. `Platform` is what a backend's factory is given of a host: for one that works with the kernel,
 * `Linux` of `@overlay/linux`.
 */
export interface BackendEnvironment<Platform> {
  /** `kernel` or `memory`; stands in the report. */
  readonly name: string;
  /** Why tests with these needs cannot run here; undefined when they can. */
  obstacle(needs: readonly Need[]): string | undefined;
  /** What of the machine a result may depend on: the kernel's release. For the report. */
  facts(): Readonly<Record<string, string>>;
  /** Reads what a factory says of itself; nothing is touched. */
  inspect<T>(read: (platform: Platform) => T): T;
  /** Makes hosts that nothing else uses. */
  create(wish: SiteWish): Promise<Site<Platform>>;
}

/** What hosts to make. */
export interface SiteWish {
  readonly hosts: number;
  readonly families: readonly Family[];
  /** `flat`: all on one link. `routed`: the first two are, each other host is behind a router. */
  readonly underlay: 'flat' | 'routed';
}

/** Hosts and what is between them, until it is closed. */
export interface Site<Platform> {
  readonly machines: readonly Machine<Platform>[];
  /** Bytes of the largest packet between hosts. */
  readonly mtu: number;
  /** The hosts as network namespaces, where they are such. */
  readonly lab?: Lab;
  /** Waits until every two pods have reached each other once. Gives the pairs that had not by then. */
  waitConnected(timeoutMs: number): Promise<readonly string[]>;
  /** Sends between every pair, small packets and such of the whole MTU. Gives a line for each that did not pass. */
  silentPairs(): Promise<readonly string[]>;
  ping(from: Pod, to: Address, how: PingWish): Promise<PingAnswer>;
  /** Begins to ping again and again. */
  stream(from: Pod, to: Address): TrafficStream;
  /**
   * Sends datagrams from a pod with a source address that is not its own, and tells whether one arrived. `honest` ones go
   * before, which have to arrive: otherwise silence would prove nothing.
   */
  spoof(from: Pod, to: Pod, source: Address): Promise<{ readonly honest: boolean; readonly spoofed: boolean }>;
  /**
   * Ends everything.
   *
   * @throws AssertionError naming what is left over after `timeoutMs`.
   */
  close(timeoutMs: number): Promise<void>;
}

export interface PingWish {
  readonly count: number;
  /** Bytes of the whole packet, which must not be cut. */
  readonly packetSize: number;
  /** Milliseconds to wait for the last answer; 1000 unless told. */
  readonly patienceMs?: number;
}

export interface PingAnswer {
  readonly sent: number;
  readonly received: number;
  readonly problem?: string;
}

/** What sends and receives packets of the overlay. */
export interface Pod {
  readonly name: string;
  readonly addresses: PerFamily<Address>;
  /** Bytes of the largest packet that it sends. */
  readonly mtu: number;
}

/** Packets that go from one pod to another for as long as a test lasts. */
export interface TrafficStream {
  /** Waits until some more answers have come than there are now. */
  passes(timeoutMs: number): Promise<void>;
  /** Ends it and tells which requests before the last answered one were not answered. */
  stop(): Promise<{ readonly answered: number; readonly lost: readonly number[] }>;
  /** Ends it, whatever it has seen. */
  close(): Promise<void>;
}

/** What somebody else does to the objects that a backend has put in place. */
export const DISTURBANCES = [
  'route-deleted',
  'routes-flushed',
  'neighbours-flushed',
  'fdb-flushed',
  'device-deleted',
  'device-down',
  'device-mac',
  'device-mtu',
  'address-removed',
] as const;
export type Disturbance = (typeof DISTURBANCES)[number];

/** One host of a site. */
export interface Machine<Platform> {
  readonly name: string;
  /** Its addresses on the underlay when it was made. */
  readonly addresses: PerFamily<Address>;
  /** The prefixes of the link that it is on. */
  readonly prefixes: PerFamily<Prefix>;
  readonly pods: readonly Pod[];
  /** What a process that starts on the host has of it. */
  attach(options: { readonly instance?: string; readonly logger: Logger }): Attachment<Platform>;
  view(): Promise<View>;
  /** Settings of the host that a backend might change, as one text to compare. */
  settings(): Promise<string>;
  addPod(network: PodNetwork): Promise<void>;
  /** Does it to objects of `own`. False when there is none of the sort. */
  disturb(what: Disturbance, own: View): Promise<boolean>;
  /** Adds objects of others, beside ours and inside our networks: two devices, and at least two objects in each family. */
  addForeign(families: readonly Family[]): Promise<void>;
  /** Deletes the external interface and makes it again. */
  recreateInterface(): Promise<void>;
  /** Gives the external interface other addresses instead of those that it has. */
  readdress(from: PerFamily<Address>, to: PerFamily<Address>): Promise<void>;
  setMtu(mtu: number): Promise<void>;
}

/** What one process has of a host. */
export interface Attachment<Platform> {
  readonly platform: Platform;
  readonly faults: Faults;
  /** The host on the underlay: its state now, then each different one. */
  host$(families: readonly Family[]): Observable<HostState>;
  /** Of the objects in `own`, those that cannot be told from others' by a mark, in words. */
  unmarked(own: View): readonly string[];
  /** Everything that was handed to the host's data path so far, by sort. */
  writes(): Readonly<Record<string, number>>;
  /** Asks for a full comparison with the host's data path. */
  audit(): void;
  close(): Promise<void>;
}

/** What goes wrong between a process and its host. */
export interface Faults {
  /** While true every change is refused. */
  refusing: boolean;
  /** Changes that were refused so far. */
  readonly refused: number;
  /** What a kill -9 does: nothing is read, written or heard any more. */
  sever(): void;
  /** The next change is not told; instead it is told that something was lost, as when a socket's buffer is full. */
  loseNext(): void;
}
