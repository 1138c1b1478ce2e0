import { FAMILIES, networkAddress } from '@overlay/core';
import type { Address, Family, Mac } from '@overlay/core';
import type { KernelObject, Linux, LinkObject, OwnMark } from '@overlay/linux';
import type { DataPath, DataPathContext, DataPathStatus, OpenDataPath, UdpDevice, UdpPeer } from '../data-path.js';
import { Engine } from './engine.js';
import type { EngineObject } from './engine.js';
import { engineKind, TUN } from './engine-kind.js';
import type { EnginePeerObject } from './peer-kind.js';
import { peerKind } from './peer-kind.js';
import { userPreflight } from './preflight.js';
import { engineStatus } from './status.js';

/**
 * Packets carried by native threads between a TUN device and UDP sockets. One for all networks of a network namespace.
 * The device outlives the process, with its routes; packets wait for the next one to serve it.
 */
export function userPath(linux: Linux): DataPath {
  let engine: Engine | undefined;
  return {
    name: 'user',
    preflight: () => userPreflight(),
    open: (context) => {
      engine ??= new Engine(linux.netns);
      return Promise.resolve(new UserPath(engine, context));
    },
  };
}

class UserPath implements OpenDataPath {
  constructor(
    private readonly engine: Engine,
    private readonly context: DataPathContext,
  ) {
    engine.open();
    const { linux } = context;
    for (const kind of [engineKind(engine, linux), peerKind(engine)]) linux.reconciler.add(kind);
  }

  device({ name, mtu, alias, addresses, lease }: UdpDevice): readonly KernelObject[] {
    const { port, filter } = this.context.options;
    const own: { -readonly [F in Family]?: Address } = {};
    for (const family of FAMILIES) {
      const subnet = lease.subnets[family];
      if (subnet) own[family] = networkAddress(subnet);
    }
    const link: LinkObject = { kind: 'link', name, type: TUN, alias, mtu, mac: '' as Mac, up: true, noArp: true };
    const engine: EngineObject = {
      kind: 'udp-engine',
      name,
      mtu,
      port,
      addresses,
      filter,
      subnets: lease.subnets,
      own,
    };
    return [engine, link] as KernelObject[];
  }

  peer(peer: UdpPeer): readonly KernelObject[] {
    const object: EnginePeerObject = { kind: 'udp-engine-peer', peer };
    return [object];
  }

  marks(): readonly OwnMark[] {
    // The engine is this process's own: whatever is found in it is ours.
    return [
      { kind: 'udp-engine', claim: () => true },
      { kind: 'udp-engine-peer', claim: () => true },
    ];
  }

  status(): DataPathStatus {
    return engineStatus(this.engine);
  }

  close(): Promise<void> {
    this.engine.close();
    return Promise.resolve();
  }
}
