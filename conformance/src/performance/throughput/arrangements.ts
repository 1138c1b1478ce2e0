import { deriveMac, parseNetConf } from '@overlay/core';
import type { Host, Lease, Network } from '@overlay/core';
import { openLinux } from '@overlay/linux';
import type { Linux } from '@overlay/linux';
import { firstValueFrom, of } from 'rxjs';
import { command } from '../command.js';
import { NETWORK, syntheticLease } from '../scale/population.js';
import type { Subject } from '../subject.js';
import { Pair, WIRE_MTU } from './pair.js';
import type { PairHost } from './pair.js';

const PATIENCE_MS = 20_000;
/** Outer IPv4, UDP and VXLAN headers, inner Ethernet header (RFC 7348). */
const VXLAN_OVERHEAD = 50;

/** Two hosts and their pods, connected in one way. */
export interface Arrangement extends AsyncDisposable {
  readonly name: string;
  readonly pair: Pair;
  /** MTU of the pods in bytes. */
  readonly mtu: number;
}

/**
 * The backend's own Networks on both hosts.
 *
 * @param morePeers how many peers there are that never say anything, besides the other host.
 */
export async function arrangeSubject(subject: Subject, signal: AbortSignal, morePeers = 0): Promise<Arrangement> {
  const pair = await Pair.make(signal);
  const ends: End[] = [];
  const dispose = async (): Promise<void> => {
    for (const { network, linux } of ends) {
      await network.close();
      await linux.close();
    }
    await pair[Symbol.asyncDispose]();
  };
  try {
    for (const host of pair.hosts) ends.push(await openEnd(subject, host, signal));
    const silent = Array.from({ length: morePeers }, (_, index) => syntheticLease(subject, index));
    for (const end of ends) {
      const others = ends.filter((other) => other !== end).map(({ lease }) => lease);
      end.network.apply({ type: 'snapshot', leases: [...others, ...silent] });
    }
    let mtu = Infinity;
    for (const { network } of ends) {
      await network.settled({ signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) });
      mtu = Math.min(mtu, (await firstValueFrom(network.state$)).mtu);
    }
    await pair.addPods(mtu);
    return {
      name: morePeers === 0 ? subject.type : `${subject.type}, ${morePeers + 1} peers`,
      pair,
      mtu,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Routes by hand: what no overlay can beat. */
export function arrangePlain(signal: AbortSignal): Promise<Arrangement> {
  return arrangeByHand('plain', WIRE_MTU, signal, (_, other) => [`route add ${other.subnet} via ${other.address}`]);
}

/** The kernel's VXLAN by hand. */
export function arrangeVxlan(signal: AbortSignal): Promise<Arrangement> {
  const mac = ({ address }: PairHost): string => deriveMac(`by hand ${address}`);
  const mtu = WIRE_MTU - VXLAN_OVERHEAD;
  return arrangeByHand('kernel-vxlan', mtu, signal, (own, other) => {
    const gateway = other.subnet.replace('/24', '');
    return [
      `link add vx0 address ${mac(own)} mtu ${mtu} type vxlan id 1 local ${own.address} dev eth0 dstport 8472 nolearning`,
      `addr add ${own.subnet.replace('/24', '/32')} dev vx0`,
      'link set vx0 up',
      `neigh add ${gateway} lladdr ${mac(other)} dev vx0 nud permanent`,
      `route add ${other.subnet} via ${gateway} dev vx0 onlink`,
    ];
  });
}

interface End {
  readonly linux: Linux;
  readonly network: Network;
  readonly lease: Lease;
}

async function openEnd(subject: Subject, host: PairHost, signal: AbortSignal): Promise<End> {
  const configuration = { Network: NETWORK, Backend: { ...subject.options, Type: subject.type } };
  const linux = openLinux({ netns: host.namespace.path });
  try {
    const hostId = host.namespace.name;
    const backend = subject.create(linux).create({ netConf: parseNetConf(JSON.stringify(configuration)), hostId });
    const link = await linux.link('eth0');
    const own: Host = {
      interface: { name: 'eth0', index: link?.index ?? 0, mtu: WIRE_MTU, broadcast: true, running: true },
      ipv4: { address: host.address, publicIP: host.address },
    };
    const host$ = of(own);
    const attributes = await firstValueFrom(backend.attributes$({ host$ }));
    const lease: Lease = { key: hostId, subnets: { ipv4: host.subnet }, attributes };
    return { linux, lease, network: await backend.open({ host$, lease$: of(lease), signal }) };
  } catch (error) {
    await linux.close();
    throw error;
  }
}

async function arrangeByHand(
  name: string,
  mtu: number,
  signal: AbortSignal,
  lines: (own: PairHost, other: PairHost) => readonly string[],
): Promise<Arrangement> {
  const pair = await Pair.make(signal);
  try {
    const [near, far] = pair.hosts;
    for (const [own, other] of [
      [near, far],
      [far, near],
    ] as const) {
      const batch = lines(own, other);
      await command(['ip', '-n', own.namespace.name, '-batch', '-'], { signal, input: batch.join('\n') });
      const mac = deriveMac(`by hand ${other.address}`);
      if (name === 'plain') continue;
      const bridge = ['bridge', '-n', own.namespace.name, 'fdb', 'append', mac, 'dev', 'vx0', 'dst', other.address];
      await command(bridge, { signal });
    }
    await pair.addPods(mtu);
    return { name, pair, mtu, [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose]() };
  } catch (error) {
    await pair[Symbol.asyncDispose]();
    throw error;
  }
}
