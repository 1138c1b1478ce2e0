import { availableParallelism } from 'node:os';
import { OverlayError } from '@overlay/core';
import type { Address, PerFamily, Prefix } from '@overlay/core';
import type { KernelObject } from '@overlay/linux';
import type { PeerTraffic, UdpPeer } from '../data-path.js';
import type { FilterMode } from '../options.js';
import { loadNativeEngine } from './native.js';
import type { EngineHandle, EngineState, NativeEngine } from './native.js';
import { decodeUnderlay, encodeAddresses, encodeEndpoints, encodePeers, encodeSubnets } from './records.js';
import type { PeerChange } from './records.js';

/** An engine at work: its threads, a queue of the device for each, and its sockets. */
export interface EngineObject extends KernelObject {
  readonly kind: 'udp-engine';
  /** The TUN device. */
  readonly name: string;
  /** Bytes of the largest inner packet. */
  readonly mtu: number;
  /** UDP port on which it receives. */
  readonly port: number;
  /** Addresses on the underlay on which it receives. */
  readonly addresses: PerFamily<Address>;
  readonly filter: FilterMode;
  /** Subnets for which packets are taken in. */
  readonly subnets: PerFamily<Prefix>;
  /** Addresses of the device, from which errors are sent. */
  readonly own: PerFamily<Address>;
}

/** A subnet whose packets came from an address that its host does not publish. */
export interface Stray {
  readonly peer: UdpPeer;
  readonly sender: Address;
}

const FILTERS: readonly FilterMode[] = ['enforce', 'count', 'off'];
/** A thread and a queue of the device for each processor up to this: more than the kernel can feed by one interface. */
const MOST_QUEUES = 8;
/** Packets in each queue: what 1,000,000 a second bring while the thread waits 4 ms for a processor. */
const TRANSMIT_QUEUE = 4096;
const MOST_STRAYS = 16;
/** The number of the peer, packets and bytes sent, packets and bytes received. */
const TRAFFIC_COLUMNS = 5;

/**
 * The native engine of one network namespace. Opened as often as a network needs it; with the last one that closes it its
 * threads end. The table of peers stays while the device goes and comes.
 */
export class Engine {
  readonly #native: NativeEngine;
  readonly #numbers = new Map<string, number>();
  readonly #peers = new Map<string, UdpPeer>();
  readonly #keys: (string | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #strays = new Map<string, Stray>();
  #handle: EngineHandle | undefined;
  #current: EngineObject | undefined;
  #users = 0;

  /** @param netns the network namespace of device and sockets. @throws OverlayError `OVERLAY_NATIVE_MISSING`. */
  constructor(private readonly netns: string | undefined) {
    this.#native = loadNativeEngine();
  }

  open(): void {
    this.#users += 1;
  }

  close(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    if (this.#handle) this.#native.close(this.#handle);
    this.#handle = undefined;
    this.#current = undefined;
    this.#numbers.clear();
    this.#peers.clear();
    this.#strays.clear();
    this.#keys.length = 0;
    this.#free.length = 0;
  }

  /** What was last made to run, whatever became of its device. */
  get current(): EngineObject | undefined {
    return this.#current;
  }

  /** What runs; undefined after the device was deleted, too. */
  get running(): EngineObject | undefined {
    if (this.#users === 0) return undefined;
    const { running, lost } = this.state;
    return running && !lost ? this.#current : undefined;
  }

  get state(): EngineState {
    return this.#native.state(this.#open);
  }

  /** By the key of its lease. */
  get peers(): ReadonlyMap<string, UdpPeer> {
    return this.#peers;
  }

  /**
   * Makes the engine run as told, without interruption where that can be.
   *
   * @throws the addon's error.
   */
  run(wanted: EngineObject): void {
    const { running } = this;
    const handle = this.#open;
    const { mtu, filter, subnets, own, addresses, port, name } = wanted;
    this.#native.configure(handle, mtu, FILTERS.indexOf(filter), encodeSubnets(subnets), encodeAddresses(own));
    if (!running || endpointText(running) !== endpointText(wanted)) {
      this.#native.stop(handle);
      this.#current = undefined;
      const queues = Math.min(availableParallelism(), MOST_QUEUES);
      this.#native.start(handle, name, queues, TRANSMIT_QUEUE, encodeEndpoints(addresses, port), this.netns);
    }
    this.#current = wanted;
  }

  /** Ends the threads; the device stays. */
  stop(): void {
    if (this.#handle) this.#native.stop(this.#handle);
    this.#current = undefined;
  }

  /** Puts peers in, or in the place of those with the same keys. */
  setPeers(peers: readonly UdpPeer[]): void {
    const changes: PeerChange[] = peers.map((peer) => ({ number: this.#number(peer.key), peer }));
    this.#native.setPeers(this.#open, encodePeers(changes));
    for (const peer of peers) this.#peers.set(peer.key, peer);
  }

  /** Takes peers out, if they are there. */
  deletePeers(keys: readonly string[]): void {
    const changes: PeerChange[] = [];
    for (const key of keys) {
      const number = this.#numbers.get(key);
      if (number === undefined) continue;
      changes.push({ number });
      this.#numbers.delete(key);
      this.#peers.delete(key);
      this.#keys[number] = undefined;
      this.#free.push(number);
    }
    if (changes.length > 0) this.#native.setPeers(this.#open, encodePeers(changes));
  }

  counters(): readonly number[] {
    return this.#native.counters(this.#open);
  }

  /** What was carried to and from each peer since it was put in, of those for which that is anything. */
  traffic(): readonly PeerTraffic[] {
    const numbers = new Float64Array(this.#native.traffic(this.#open));
    const rows: PeerTraffic[] = [];
    for (let at = 0; at < numbers.length; at += TRAFFIC_COLUMNS) {
      const [number = -1, ...counted] = numbers.subarray(at, at + TRAFFIC_COLUMNS);
      const [sentPackets = 0, sentBytes = 0, receivedPackets = 0, receivedBytes = 0] = counted;
      const key = this.#keys[number];
      if (key === undefined) continue;
      const sent = { packets: sentPackets, bytes: sentBytes };
      rows.push({ key, sent, received: { packets: receivedPackets, bytes: receivedBytes } });
    }
    return rows;
  }

  /** Those that still hold: the peer is there, and has not published the address since. */
  strays(): readonly Stray[] {
    for (const [number = -1, ...sender] of this.#native.strays(this.#open)) {
      const key = this.#keys[number];
      const peer = key === undefined ? undefined : this.#peers.get(key);
      if (!peer || this.#strays.size >= MOST_STRAYS) continue;
      const stray = { peer, sender: decodeUnderlay(sender) };
      this.#strays.set(`${peer.key} ${stray.sender}`, stray);
    }
    for (const [id, { peer, sender }] of this.#strays) {
      if (this.#peers.get(peer.key)?.senders.includes(sender) !== false) this.#strays.delete(id);
    }
    return [...this.#strays.values()];
  }

  get #open(): EngineHandle {
    if (this.#users === 0) throw new OverlayError('OVERLAY_CLOSED', 'UDP engine: it is not open');
    this.#handle ??= this.#native.create();
    return this.#handle;
  }

  #number(key: string): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#free.pop() ?? this.#keys.length;
    this.#keys[number] = key;
    this.#numbers.set(key, number);
    return number;
  }
}

/** What cannot change while the threads run. */
function endpointText({ name, port, addresses }: EngineObject): string {
  return JSON.stringify([name, port, addresses.ipv4, addresses.ipv6]);
}
