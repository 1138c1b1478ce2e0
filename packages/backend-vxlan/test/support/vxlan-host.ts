import type { Host, Lease, Network } from '@overlay/core';
import { parseNetConf } from '@overlay/core';
import type { Lab, LabHost } from '@overlay/lab';
import { createLab } from '@overlay/lab';
import type { Linux } from '@overlay/linux';
import { openLinux } from '@overlay/linux';
import { BehaviorSubject, filter, firstValueFrom, map } from 'rxjs';
import { vxlan, vxlanLease } from '@overlay/backend-vxlan';

const SETTLE_MS = 5000;

/** `ip -d -j` of one thing, as far as the tests look at it. */
export interface Told {
  readonly ifindex: number;
  readonly address: string;
  readonly mtu: number;
  readonly ifalias?: string;
  readonly flags: readonly string[];
  readonly dst?: string;
  readonly addr_info: readonly unknown[];
  readonly linkinfo: { readonly info_data: { readonly learning?: boolean; readonly gbp?: boolean } };
}

/** A host on which a VXLAN network is opened: 192.168.77.11 on eth0, with 10.244.1.0/24. */
export class VxlanHost implements AsyncDisposable {
  readonly #linuxes: Linux[] = [];
  readonly #networks: Network[] = [];

  private constructor(
    readonly lab: Lab,
    readonly host: LabHost,
  ) {}

  static async create(): Promise<VxlanHost> {
    const lab = await createLab({ hosts: 1 });
    return new VxlanHost(lab, lab.hosts[0]);
  }

  /** Runs `ip` or `bridge` on the host. */
  async run(line: string): Promise<string> {
    return (await this.host.exec(line.split(' '))).stdout;
  }

  /** The same with `-j`. */
  async told(line: string): Promise<readonly Told[]> {
    const text = await this.run(line);
    return text.trim() === '' ? [] : (JSON.parse(text) as Told[]);
  }

  /** The device `flannel.1`. */
  async device(): Promise<Told> {
    const [device] = await this.told('ip -d -j link show flannel.1');
    return device;
  }

  /** What the host publishes. */
  async publishes(options: object = {}, previous?: Lease): Promise<Lease['attributes']> {
    const { backend, host$ } = await this.#backend(options);
    return firstValueFrom(backend.attributes$({ host$, ...(previous ? { previous } : {}) }));
  }

  /** Opens a network with these peers and waits until all is in the kernel. Nothing may be refused. */
  async join(peers: readonly Lease[], options: object = {}): Promise<Network> {
    const { backend, host$ } = await this.#backend(options);
    const attributes = await firstValueFrom(backend.attributes$({ host$ }));
    const own = vxlanLease({ hostId: 'h1', subnet: '10.244.1.0/24', publicIP: '192.168.77.11' });
    const signal = AbortSignal.timeout(SETTLE_MS);
    const network = await backend.open({ host$, lease$: new BehaviorSubject<Lease>({ ...own, attributes }), signal });
    this.#networks.push(network);
    network.apply({ type: 'snapshot', leases: peers });
    await network.settled({ signal });
    const { failed, pending, problems } = network.status();
    if (failed + pending > 0) throw new Error(`not all is in place: ${JSON.stringify(problems)}`);
    return network;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const network of this.#networks) await network.close();
    for (const linux of this.#linuxes) await linux.close();
    await this.lab.close();
  }

  async #backend(options: object) {
    const linux = openLinux({ netns: `/run/netns/${this.host.netns}` });
    this.#linuxes.push(linux);
    const known$ = linux.host$({ families: ['ipv4'] }).pipe(
      map((state) => state.host),
      filter((host) => host !== undefined),
    );
    const host$ = new BehaviorSubject<Host>(await firstValueFrom(known$));
    const netConf = parseNetConf(JSON.stringify({ Network: '10.244.0.0/16', Backend: { Type: 'vxlan', ...options } }));
    return { backend: vxlan({ linux }).create({ netConf, hostId: 'h1' }), host$ };
  }
}
