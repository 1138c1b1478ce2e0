import type { Address, Prefix } from '@overlay/core';
import { command } from '../command.js';
import { makeNamespace } from '../namespace.js';
import type { Namespace } from '../namespace.js';

/** What joins the two hosts, as far as packets feel it. */
export type Wire = 'whole' | 'mtu';

/** MTU of the wire in bytes. */
export const WIRE_MTU = 1500;

/**
 * Offloads of the wire. *whole*: veth as it is, which passes super-packets uncut, as no wire does. *mtu*: every packet has
 * MTU size, as behind a NIC that knows nothing of tunnels; the receiver may still gather what belongs together.
 */
const OFFLOADS: Readonly<Record<Wire, readonly string[]>> = {
  whole: switchTo('on'),
  mtu: switchTo('off'),
};

function switchTo(state: 'on' | 'off'): readonly string[] {
  const sender = ['tso', 'gso', 'tx-udp-segmentation', 'tx-udp_tnl-segmentation', 'tx-udp_tnl-csum-segmentation'];
  return [...sender.flatMap((feature) => [feature, state]), 'gro', state === 'off' ? 'on' : 'off'];
}

/** One of two hosts: a namespace with `eth0` on the wire, and behind it a pod's namespace once there is one. */
export interface PairHost {
  readonly namespace: Namespace;
  readonly address: Address;
  readonly subnet: Prefix;
  readonly podAddress: Address;
}

/** Two hosts joined by one veth. */
export class Pair implements AsyncDisposable {
  readonly #pods: Namespace[] = [];

  private constructor(
    readonly hosts: readonly [PairHost, PairHost],
    private readonly signal: AbortSignal,
  ) {}

  static async make(signal: AbortSignal): Promise<Pair> {
    const far = await makeNamespace(['link set lo up'], signal);
    try {
      const near = await makeNamespace(
        ['link set lo up', `link add eth0 mtu ${WIRE_MTU} type veth peer name eth0 mtu ${WIRE_MTU} netns ${far.name}`],
        signal,
      );
      const pair = new Pair([host(near, 0), host(far, 1)], signal);
      try {
        for (const { namespace, address } of pair.hosts) {
          const lines = [`addr add ${address}/24 dev eth0`, 'link set eth0 up'];
          await command(['ip', '-n', namespace.name, '-batch', '-'], { signal, input: lines.join('\n') });
          await pair.sysctl(namespace, 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0');
        }
        return pair;
      } catch (error) {
        await pair[Symbol.asyncDispose]();
        throw error;
      }
    } catch (error) {
      // The far end may have gone with the pair.
      await far[Symbol.asyncDispose]().catch(() => undefined);
      throw error;
    }
  }

  get pods(): readonly Namespace[] {
    return this.#pods;
  }

  /** Puts a pod behind each host. Its interface has this MTU. */
  async addPods(mtu: number): Promise<void> {
    for (const { namespace, subnet, podAddress } of this.hosts) {
      const gateway = subnet.replace('0/24', '1');
      const pod = await makeNamespace(
        [
          'link set lo up',
          `link add eth0 mtu ${mtu} type veth peer name pod0 mtu ${mtu} netns ${namespace.name}`,
          `addr add ${podAddress}/24 dev eth0`,
          'link set eth0 up',
          `route add default via ${gateway}`,
        ],
        this.signal,
      );
      this.#pods.push(pod);
      const input = [`addr add ${gateway}/24 dev pod0`, 'link set pod0 up'].join('\n');
      await command(['ip', '-n', namespace.name, '-batch', '-'], { signal: this.signal, input });
    }
  }

  async setWire(wire: Wire): Promise<void> {
    for (const { namespace } of this.hosts) {
      const ethtool = ['ethtool', '-K', 'eth0', ...OFFLOADS[wire]];
      await command(['ip', 'netns', 'exec', namespace.name, ...ethtool], { signal: this.signal });
    }
  }

  async sysctl(namespace: Namespace, ...settings: readonly string[]): Promise<void> {
    await command(['ip', 'netns', 'exec', namespace.name, 'sysctl', '-qw', ...settings], { signal: this.signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const namespace of [...this.#pods, ...this.hosts.map((each) => each.namespace)]) {
      await namespace[Symbol.asyncDispose]();
    }
  }
}

function host(namespace: Namespace, index: number): PairHost {
  return {
    namespace,
    address: `192.168.77.${1 + index}` as Address,
    subnet: `10.244.${index}.0/24` as Prefix,
    podAddress: `10.244.${index}.2` as Address,
  };
}
