import { FAMILIES, hostAttributes, readOptions } from '@overlay/core';
import type {
  AttributesContext,
  Backend,
  BackendFactory,
  BackendInit,
  BackendSupports,
  Endpoint,
  Family,
  Finding,
  Host,
  JsonObject,
  Lease,
  LeaseAttributes,
  Network,
  OpenContext,
  OptionsSpec,
} from '@overlay/core';
import { throwIfAborted } from '@overlay/core';
import { DeclarativeNetwork, insideNetworks } from '@overlay/linux';
import type { NetworkDesign, PeerPlan } from '@overlay/linux';
import { map } from 'rxjs';
import type { Observable } from 'rxjs';
import { TUNNEL_OVERHEAD } from './fabric/delivery.js';
import type { MemoryKernel } from './kernel/memory-kernel.js';
import type { MemoryRoute, MemoryTunnel } from './kernel/objects.js';

const TYPE = 'memory';

const SUPPORTS: BackendSupports = {
  ipv4: true,
  ipv6: true,
  dualStack: true,
  crossesSubnets: true,
  encryption: false,
  survivesAgent: true,
  flannelInterop: false,
  checksSource: true,
};

const OPTIONS = {
  Channel: { type: 'integer', default: 1, min: 1, max: 65_535 },
} as const satisfies OptionsSpec;

/** What the backend needs of its surroundings. */
export interface MemoryComponents {
  readonly kernel: MemoryKernel;
}

/**
 * A backend whose hosts, tables and packets are in memory. It is what the conformance suite measures itself by, and an
 * example of a declarative backend that does without Linux. The option `Channel` (1 to 65535, 1 unless told) keeps networks
 * apart.
 */
export function memory({ kernel }: MemoryComponents): BackendFactory {
  return { type: TYPE, supports: SUPPORTS, create: (init) => new MemoryBackend(kernel, init) };
}

class MemoryBackend implements Backend {
  readonly type = TYPE;
  readonly supports = SUPPORTS;
  readonly endpointId: string;
  readonly #channel: number;
  readonly #families: readonly Family[];

  constructor(
    private readonly kernel: MemoryKernel,
    private readonly init: BackendInit,
  ) {
    const { values, warnings } = readOptions(init.netConf.backend, OPTIONS);
    for (const warning of warnings) init.logger?.warn(warning);
    this.#channel = values.Channel;
    this.endpointId = `${TYPE}/${this.#channel}`;
    this.#families = FAMILIES.filter((family) => init.netConf[family] !== undefined);
  }

  overhead(underlay: Family): number {
    return TUNNEL_OVERHEAD[underlay];
  }

  async preflight({ signal }: { readonly signal: AbortSignal }): Promise<readonly Finding[]> {
    throwIfAborted('looking for what will stop traffic in memory', signal);
    return [];
  }

  attributes$({ host$ }: AttributesContext): Observable<LeaseAttributes> {
    return host$.pipe(map((host) => this.#attributes(host)));
  }

  open(context: OpenContext): Promise<Network> {
    const { kernel, init } = this;
    const design: NetworkDesign = {
      name: this.endpointId,
      device: ({ host }) => {
        const mtu = host.interface.mtu - Math.max(...this.#families.map((family) => this.overhead(family)));
        return { objects: [this.#tunnel(mtu)], mtu };
      },
      peer: (lease) => this.#peer(lease),
      marks: () => [
        { kind: 'memory-tunnel', claim: (object) => (object as MemoryTunnel).owner === kernel.owner },
        {
          kind: 'memory-route',
          claim: (object) => {
            const route = object as MemoryRoute;
            return route.owner === kernel.owner && insideNetworks(init.netConf, route.destination);
          },
          reaches: (object) => (object as MemoryRoute).destination,
        },
      ],
    };
    return DeclarativeNetwork.open(design, kernel.reconciler, context, init.logger);
  }

  #tunnel(mtu: number): MemoryTunnel {
    const { owner } = this.kernel;
    const own = { name: this.#name, channel: this.#channel, mtu, owner };
    return { kind: 'memory-tunnel', ...own, up: true, checksSource: true };
  }

  #peer({ attributes, subnets }: Lease): PeerPlan {
    if (attributes.backendType !== TYPE) {
      const type = attributes.backendType || 'none';
      return { objects: [], problem: `it publishes the backend type ${type}, and this network is ${TYPE}` };
    }
    const objects: MemoryRoute[] = [];
    const problems: string[] = [];
    for (const family of this.#families) {
      const [subnet, endpoint] = [subnets[family], attributes[family]];
      if (subnet === undefined) continue;
      const channel = channelOf(endpoint);
      if (endpoint === undefined || channel !== this.#channel) {
        problems.push(`${family}: it is on channel ${channel ?? 'none'}, and this network on ${this.#channel}`);
        continue;
      }
      const { owner } = this.kernel;
      const via = endpoint.publicIP;
      objects.push({ kind: 'memory-route', destination: subnet, priority: 0, tunnel: this.#name, via, owner });
    }
    return problems.length === 0 ? { objects } : { objects, problem: problems.join('; ') };
  }

  #attributes(host: Host): LeaseAttributes {
    const { netConf } = this.init;
    return hostAttributes({ backendType: TYPE, netConf, host, data: () => ({ Channel: this.#channel }) });
  }

  get #name(): string {
    return `mem${this.#channel}`;
  }
}

/** The channel that a peer publishes, which may be anything. */
function channelOf(endpoint: Endpoint | undefined): number | undefined {
  const data = endpoint?.data;
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined;
  const { Channel: channel } = data as JsonObject;
  return typeof channel === 'number' ? channel : undefined;
}
