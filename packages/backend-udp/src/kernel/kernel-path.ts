import process from 'node:process';
import { addressBits, addressFamily, deriveMac, FAMILIES, makePrefix } from '@overlay/core';
import type { Finding, Mac } from '@overlay/core';
import type { KernelObject, Linux, LinkObject, OwnMark } from '@overlay/linux';
import { DEVICE } from '../data-path.js';
import type { DataPath, DataPathContext, DataPathStatus, OpenDataPath, UdpDevice, UdpPeer } from '../data-path.js';
import { readCounters, readStrays } from './counters.js';
import { offloadKind } from './offload-kind.js';
import type { OffloadObject } from './offload-kind.js';
import type { Stray } from './layout.js';
import { kernelPreflight } from './preflight.js';
import { programKind } from './program-kind.js';
import type { ProgramObject, ProgramSettings } from './program-kind.js';
import { routeKind } from './route-kind.js';
import type { UdpRouteObject } from './route-kind.js';
import { UdpKernel } from './udp-kernel.js';

/**
 * The other end of the tunnel device's pair: single TCP segments come in through it, to be joined, and what has to be
 * finished by the kernel before it is sent or delivered comes out of it.
 */
const ENTRY = `${DEVICE}-in`;

const NOTHING = { packets: 0, bytes: 0 };

/**
 * Packets carried by eBPF programs: they never leave the kernel, and go on while no agent runs. One for all networks of a
 * network namespace.
 */
export function kernelPath(linux: Linux): DataPath {
  let kernel: UdpKernel | undefined;
  const load = (): UdpKernel => {
    kernel ??= new UdpKernel(linux);
    return kernel;
  };
  return {
    name: 'kernel',
    preflight: (options) => kernelPreflight(linux, load, options),
    open: (context) => Promise.resolve(new KernelPath(load(), context)),
  };
}

/** What the ends of the pair differ in. */
interface EndInit {
  readonly peer: string;
  readonly mac: Mac;
  readonly mtu: number;
}

class KernelPath implements OpenDataPath {
  readonly #kernel: UdpKernel;
  readonly #context: DataPathContext;
  readonly #macs: { readonly tunnel: Mac; readonly entry: Mac };

  constructor(kernel: UdpKernel, context: DataPathContext) {
    this.#kernel = kernel;
    this.#context = context;
    const { hostId } = context;
    this.#macs = { tunnel: deriveMac(`udp ${hostId}`), entry: deriveMac(`udp entry ${hostId}`) };
    const { reconciler } = context.linux;
    for (const kind of [offloadKind(kernel), routeKind(kernel), programKind(kernel)]) reconciler.add(kind);
    kernel.open();
  }

  device(device: UdpDevice): readonly KernelObject[] {
    const { tunnel, entry } = this.#macs;
    const { port, filter } = this.#context.options;
    const underlay = device.host.interface.name;
    const settings: ProgramSettings = {
      tunnel: device.name,
      entry: ENTRY,
      underlay,
      port,
      filter,
      addresses: device.addresses,
      subnets: device.lease.subnets,
      tunnelMac: tunnel,
      entryMac: entry,
    };
    for (const name of [device.name, ENTRY, underlay]) this.#kernel.names.add(name);
    const objects: (LinkObject | OffloadObject | ProgramObject)[] = [
      this.#end(device, device.name, { peer: ENTRY, mac: tunnel, mtu: device.mtu }),
      // Whole datagrams come out of it, too.
      this.#end(device, ENTRY, { peer: device.name, mac: entry, mtu: device.host.interface.mtu }),
      // What is sent through the pair is finished on the way: cut to size, and its checksums computed.
      { kind: 'udp-offload', link: device.name, offloads: { gro: true, tx: false } },
      // The kernel lets a veth join what it receives only if the end that sends does no segmentation of its own.
      { kind: 'udp-offload', link: ENTRY, offloads: { tso: false } },
      { kind: 'udp-program', link: device.name, direction: 'egress', settings },
      { kind: 'udp-program', link: ENTRY, direction: 'ingress', settings },
      { kind: 'udp-program', link: underlay, direction: 'ingress', settings },
    ];
    return objects;
  }

  peer({ subnets, endpoints, port, senders, dataPath }: UdpPeer): readonly KernelObject[] {
    const objects: UdpRouteObject[] = [];
    for (const family of FAMILIES) {
      const subnet = subnets[family];
      const endpoint = endpoints[family];
      if (subnet !== undefined && endpoint !== undefined)
        objects.push({ kind: 'udp-route', subnet, endpoint, port, whole: dataPath === 'kernel' });
    }
    for (const sender of senders) {
      const subnet = makePrefix(sender, addressBits(addressFamily(sender)));
      objects.push({ kind: 'udp-route', subnet, endpoint: sender, port, whole: false, host: true });
    }
    return objects;
  }

  marks(): readonly OwnMark[] {
    // What bears our mark is all that is found, and the maps belong to the programs.
    return [
      { kind: 'udp-program', claim: () => true },
      { kind: 'udp-route', claim: () => true },
    ];
  }

  status(): DataPathStatus {
    const { isOpen, native, linux } = this.#kernel;
    if (!isOpen) {
      return { counters: { sent: NOTHING, received: NOTHING, drops: {}, passed: {} }, offloads: {}, findings: [] };
    }
    const { maps } = this.#kernel;
    const offloads: Record<string, boolean> = {};
    try {
      offloads.gro = native.getOffload(linux.netns, DEVICE, 'gro') && !native.getOffload(linux.netns, ENTRY, 'tso');
    } catch {
      // The devices are on their way.
    }
    const findings = readStrays(maps, process.hrtime.bigint()).map(strayFinding);
    return { counters: readCounters(maps), offloads, findings };
  }

  close(): Promise<void> {
    this.#kernel.close();
    return Promise.resolve();
  }

  #end({ alias }: UdpDevice, name: string, { peer, mac, mtu }: EndInit): LinkObject {
    return { kind: 'link', name, type: 'veth', alias, mtu, mac, up: true, noArp: true, veth: { peer } };
  }
}

function strayFinding({ outer, endpoint, inner, packets }: Stray): Finding {
  return {
    level: 'warning',
    check: 'udp-sender',
    message: `packets of ${inner} come from ${outer}, and its host publishes ${endpoint} (${packets} so far)`,
    remedy: 'give that host --public-ip with the address that others see (it is behind NAT, or has a second address)',
  };
}
