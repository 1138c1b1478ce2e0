import { FAMILIES } from '@overlay/core';
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
  Lease,
  LeaseAttributes,
  Mac,
  Network,
  OpenContext,
} from '@overlay/core';
import { DeclarativeNetwork } from '@overlay/linux';
import type { Linux } from '@overlay/linux';
import { combineLatest, from, map } from 'rxjs';
import type { Observable } from 'rxjs';
import { VxlanDesign, vxlanOverhead } from './design.js';
import { endpointId, vxlanOptions } from './options.js';
import type { VxlanOptions } from './options.js';
import { chooseMac, deviceName, parseVtepData, vtepData } from './vtep.js';

const TYPE = 'vxlan';

const SUPPORTS: BackendSupports = {
  ipv4: true,
  ipv6: true,
  dualStack: true,
  crossesSubnets: true,
  encryption: false,
  survivesAgent: true,
  flannelInterop: true,
};

/** What the backend needs of its surroundings. */
export interface VxlanComponents {
  readonly linux: Linux;
}

/** The VXLAN backend (RFC 7348), carried by the kernel: devices, addresses and BackendData as flannel's. */
export function vxlan(components: VxlanComponents): BackendFactory {
  return { type: TYPE, supports: SUPPORTS, create: (init) => new Vxlan(components.linux, init) };
}

class Vxlan implements Backend {
  readonly type = TYPE;
  readonly supports = SUPPORTS;
  readonly endpointId: string;
  /** They change what packets may look like, or what the kernel remembers, and not where they go. */
  readonly liveOptions = ['MTU', 'Learning'];
  readonly #options: VxlanOptions;
  readonly #families: readonly Family[];

  constructor(
    private readonly linux: Linux,
    private readonly init: BackendInit,
  ) {
    this.#options = vxlanOptions(init);
    this.endpointId = endpointId(this.#options);
    this.#families = FAMILIES.filter((family) => init.netConf[family] !== undefined);
  }

  /** What flanneld publishes tells the VNI; the port has to be the same in a cluster of its. */
  understands(attributes: LeaseAttributes): boolean {
    if (attributes.backendType !== TYPE) return false;
    return this.#families.every((family) => {
      const { vni } = parseVtepData(attributes[family]?.data);
      return vni === undefined || vni === this.#options.vni;
    });
  }

  whyNotBeside(other: Backend): string | undefined {
    if (!(other instanceof Vxlan)) return undefined;
    const { vni, port, gbp } = this.#options;
    const theirs = other.#options;
    if (vni === theirs.vni) {
      const device = deviceName(this.#families[0], vni);
      return `the device ${device} cannot have two ports or be with and without GBP at once; choose another VNI for the new one`;
    }
    if (port === theirs.port && gbp !== theirs.gbp) {
      return `UDP port ${port} cannot be with and without GBP at once; choose another Port for the new one`;
    }
    return undefined;
  }

  overhead(underlay: Family): number {
    return vxlanOverhead(underlay);
  }

  preflight({ host, signal }: { readonly host?: Host; readonly signal: AbortSignal }): Promise<readonly Finding[]> {
    return this.linux.preflight({
      netConf: this.init.netConf,
      signal,
      kind: TYPE,
      tunnel: {
        port: this.#options.port,
        vni: this.#options.vni,
        names: this.#families.map((family) => deviceName(family, this.#options.vni)),
      },
      ...(host ? { host } : {}),
    });
  }

  claims(lease: Lease): readonly string[] {
    const claims: string[] = [];
    for (const family of this.#families) {
      const { mac } = parseVtepData(lease.attributes[family]?.data);
      if (mac !== undefined && lease.attributes.backendType === TYPE) claims.push(`${family} VTEP MAC ${mac}`);
    }
    return claims;
  }

  attributes$({ host$, previous }: AttributesContext): Observable<LeaseAttributes> {
    return combineLatest([host$, from(this.#macs(previous))]).pipe(map(([host, macs]) => this.#attributes(host, macs)));
  }

  async open(context: OpenContext): Promise<Network> {
    const { linux, init } = this;
    const options = this.#options;
    const adjacency = options.directRouting ? await linux.adjacency({ confirmed: true }) : undefined;
    const design = new VxlanDesign({
      linux,
      options,
      netConf: init.netConf,
      ...(init.recordedNetworks && { recordedNetworks: init.recordedNetworks }),
      // What was published is what the device has to be.
      ownMac: (family, lease) => chooseMac(family, { hostId: init.hostId, previous: lease }),
      ...(adjacency ? { adjacency } : {}),
    });
    return DeclarativeNetwork.open(design, linux.reconciler, context, init.logger);
  }

  async #macs(previous: Lease | undefined): Promise<ReadonlyMap<Family, Mac>> {
    const macs = new Map<Family, Mac>();
    const { hostId } = this.init;
    for (const family of this.#families) {
      const link = await this.linux.link(deviceName(family, this.#options.vni));
      const existing = link?.kind === TYPE && link.vxlan?.vni === this.#options.vni ? link.mac : undefined;
      macs.set(
        family,
        chooseMac(family, { hostId, ...(previous ? { previous } : {}), ...(existing ? { existing } : {}) }),
      );
    }
    return macs;
  }

  #attributes(host: Host, macs: ReadonlyMap<Family, Mac>): LeaseAttributes {
    const endpoints: { ipv4?: Endpoint; ipv6?: Endpoint } = {};
    for (const family of this.#families) {
      const own = host[family];
      const mac = macs.get(family);
      if (own && mac) endpoints[family] = { publicIP: own.publicIP, data: vtepData({ vni: this.#options.vni, mac }) };
    }
    return { backendType: TYPE, ...endpoints };
  }
}
