import type { Kind, KernelObject } from '@overlay/linux';
import type { UdpPeer } from '../data-path.js';
import type { Engine } from './engine.js';

/** A peer in the engine's table. */
export interface EnginePeerObject extends KernelObject {
  readonly kind: 'udp-engine-peer';
  readonly peer: UdpPeer;
}

/** The engine's table. Only this process writes it, so there is nothing to watch. */
export function peerKind(engine: Engine): Kind<EnginePeerObject> {
  return {
    name: 'udp-engine-peer',
    rank: 1,
    key: ({ peer }) => peer.key,
    same: sameObject,
    satisfies: sameObject,
    dump(_filter, each) {
      for (const peer of engine.peers.values()) each({ kind: 'udp-engine-peer', peer });
      return Promise.resolve();
    },
    put(wanted) {
      engine.setPeers(wanted.map(({ peer }) => peer));
      return Promise.resolve(wanted.map(() => undefined));
    },
    remove(objects) {
      engine.deletePeers(objects.map(({ peer }) => peer.key));
      return Promise.resolve(objects.map(() => undefined));
    },
  };
}

function sameObject(a: EnginePeerObject, b: EnginePeerObject): boolean {
  return a.peer === b.peer || JSON.stringify(a.peer) === JSON.stringify(b.peer);
}
