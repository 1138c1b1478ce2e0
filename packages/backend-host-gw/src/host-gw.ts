import { OverlayError, readOptions } from '@overlay/core';
import type {
  AttributesContext,
  Backend,
  BackendFactory,
  BackendInit,
  BackendSupports,
  Finding,
  Host,
  Lease,
  LeaseAttributes,
  Network,
  OpenContext,
} from '@overlay/core';
import { DeclarativeNetwork, directAddresses, directRoutes } from '@overlay/linux';
import type { Linux, NetworkDesign } from '@overlay/linux';
import { map } from 'rxjs';
import type { Observable } from 'rxjs';

const TYPE = 'host-gw';

const SUPPORTS: BackendSupports = {
  ipv4: true,
  ipv6: true,
  dualStack: true,
  crossesSubnets: false,
  encryption: false,
  survivesAgent: true,
  flannelInterop: true,
};

/** What the backend needs of its surroundings. */
export interface HostGwComponents {
  readonly linux: Linux;
}

/**
 * The host-gw backend: the route to a peer's subnet goes straight to the peer. Nothing is added to a packet, so pods have
 * the whole MTU; but all hosts have to be on one link. A peer behind a router is shown as not reached.
 */
export function hostGw(components: HostGwComponents): BackendFactory {
  return { type: TYPE, supports: SUPPORTS, create: (init) => new HostGw(components.linux, init) };
}

class HostGw implements Backend {
  readonly type = TYPE;
  readonly supports = SUPPORTS;

  constructor(
    private readonly linux: Linux,
    private readonly init: BackendInit,
  ) {
    for (const warning of readOptions(init.netConf.backend, {}).warnings) init.logger?.warn(warning);
  }

  overhead(): number {
    return 0;
  }

  preflight({ host, signal }: { readonly host?: Host; readonly signal: AbortSignal }): Promise<readonly Finding[]> {
    return this.linux.preflight({ netConf: this.init.netConf, signal, ...(host ? { host } : {}) });
  }

  attributes$({ host$ }: AttributesContext): Observable<LeaseAttributes> {
    return host$.pipe(map((host) => attributesOf(host, this.init)));
  }

  async open(context: OpenContext): Promise<Network> {
    const { linux, init } = this;
    const { netConf } = init;
    const adjacency = await linux.adjacency({ confirmed: false });
    const routes = { netConf, adjacency, route: linux.route.bind(linux) };
    const design: NetworkDesign = {
      name: TYPE,
      device: ({ host }) => ({ objects: linux.hostSettings(netConf), mtu: host.interface.mtu }),
      peer: (lease, context) =>
        lease.attributes.backendType === TYPE
          ? directRoutes(routes, lease, context)
          : { objects: [], problem: other(lease) },
      marks: () => linux.marks(init),
      watch: adjacency,
      watched: directAddresses,
    };
    return DeclarativeNetwork.open(design, linux.reconciler, context, init.logger);
  }
}

function other({ attributes }: Lease): string {
  return `it publishes the backend type ${attributes.backendType || 'none'}, and this network is ${TYPE}`;
}

function attributesOf(host: Host, { netConf }: BackendInit): LeaseAttributes {
  const endpoint = (family: 'ipv4' | 'ipv6'): Pick<LeaseAttributes, 'ipv4' | 'ipv6'> => {
    const own = host[family];
    if (!netConf[family] || !own) return {};
    if (own.publicIP === own.address) return { [family]: { publicIP: own.publicIP } };
    const flag = family === 'ipv4' ? '--public-ip' : '--public-ipv6';
    const message =
      `${flag}: host-gw routes straight to the interface, so expected its address ${own.address}, ` +
      `got ${own.publicIP}; leave the flag out, or use vxlan`;
    throw new OverlayError('OVERLAY_CONFIG_INVALID', message, { key: flag });
  };
  return { backendType: TYPE, ...endpoint('ipv4'), ...endpoint('ipv6') };
}
