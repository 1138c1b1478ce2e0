import type { Address, Prefix } from '@overlay/core';
import type { KernelObject } from '@overlay/linux';

/** A tunnel's end on a host: takes packets for peers, and gives out those that peers send. */
export interface MemoryTunnel extends KernelObject {
  readonly kind: 'memory-tunnel';
  /** Unique on its host. */
  readonly name: string;
  /** Only tunnels of one channel hear each other. */
  readonly channel: number;
  /** Bytes of the largest packet that it takes. */
  readonly mtu: number;
  readonly up: boolean;
  /** Whether it drops what comes from where no peer is, or with a source that the sender has no right to. */
  readonly checksSource: boolean;
  /** Whose it is. */
  readonly owner: string;
}

/** The way to a prefix through a tunnel. */
export interface MemoryRoute extends KernelObject {
  readonly kind: 'memory-route';
  readonly destination: Prefix;
  /** Of two routes to one prefix the lower one counts; both can be there. */
  readonly priority: number;
  /** The tunnel's name. */
  readonly tunnel: string;
  /** The underlay address of the host that has the prefix. */
  readonly via: Address;
  /** Whose it is. */
  readonly owner: string;
}

/** What a host's table holds. */
export type MemoryObject = MemoryTunnel | MemoryRoute;

/** What makes an object the same one: a tunnel's name, a route's destination and priority. */
export function memoryKey(object: MemoryObject): string {
  return object.kind === 'memory-tunnel' ? object.name : `${object.destination} ${object.priority}`;
}

/** Whether two objects say the same. */
export function sameMemoryObject(a: MemoryObject, b: MemoryObject): boolean {
  if (a.kind === 'memory-tunnel') {
    return b.kind === a.kind && a.name === b.name && a.channel === b.channel && a.mtu === b.mtu && sameState(a, b);
  }
  return (
    b.kind === a.kind && memoryKey(a) === memoryKey(b) && a.tunnel === b.tunnel && a.via === b.via && ownersMatch(a, b)
  );
}

function sameState(a: MemoryTunnel, b: MemoryTunnel): boolean {
  return a.up === b.up && a.checksSource === b.checksSource && ownersMatch(a, b);
}

function ownersMatch(a: MemoryObject, b: MemoryObject): boolean {
  return a.owner === b.owner;
}
