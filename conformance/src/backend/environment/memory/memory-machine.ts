import type { MemoryHost, MemoryKernel, MemoryObject } from '@overlay/backend-memory';
import { memoryKey, openMemory } from '@overlay/backend-memory';
import type { Address, Family, HostState, PerFamily, Prefix } from '@overlay/core';
import { addressAt, addressFamily, FAMILIES, parsePrefix } from '@overlay/core';
import type { PodNetwork } from '@overlay/lab';
import type { Observable } from 'rxjs';
import type { Attachment, Disturbance, Faults, Machine, Pod } from '../environment.js';
import type { ViewItem } from '../view.js';
import { View } from '../view.js';
import { disturb } from './disturb.js';

/** Which of a subnet's addresses a pod has. */
const POD_NUMBER = 2;
const SOMEBODY = 'somebody-else';

/** A host in memory. */
export class MemoryMachine implements Machine<MemoryKernel> {
  readonly addresses: PerFamily<Address>;
  readonly #host: MemoryHost;

  constructor(host: MemoryHost) {
    this.#host = host;
    this.addresses = host.addresses;
  }

  get name(): string {
    return this.#host.name;
  }

  get prefixes(): PerFamily<Prefix> {
    return this.#host.prefixes;
  }

  get pods(): readonly Pod[] {
    return this.#host.pods;
  }

  attach(options: Parameters<Machine<MemoryKernel>['attach']>[0]): Attachment<MemoryKernel> {
    return new MemoryAttachment(openMemory(this.#host, options));
  }

  async view(): Promise<View> {
    const { tunnels, routes } = this.#host.table;
    return new View([...tunnels, ...routes].map(itemOf));
  }

  async settings(): Promise<string> {
    return JSON.stringify(this.#host.host);
  }

  async addPod({ subnets, mtu }: PodNetwork): Promise<void> {
    const addresses = FAMILIES.flatMap((family) => {
      const subnet = subnets[family];
      return subnet === undefined ? [] : [[family, addressAt(subnet, POD_NUMBER)] as const];
    });
    this.#host.addPod(Object.fromEntries(addresses), mtu);
  }

  async disturb(what: Disturbance, own: View): Promise<boolean> {
    return disturb(this.#host.table, what, own);
  }

  async addForeign(families: readonly Family[]): Promise<void> {
    const { table } = this.#host;
    const tunnel = { kind: 'memory-tunnel', channel: 60_000, mtu: 1400, up: true, checksSource: true } as const;
    table.set({ ...tunnel, name: 'foreign0', owner: SOMEBODY }, SOMEBODY);
    table.set({ ...tunnel, name: 'foreign1', owner: 'overlay:conformance-other' }, SOMEBODY);
    for (const family of families) {
      const via = addressAt(this.prefixes[family] as Prefix, 250);
      const inside = parsePrefix(family === 'ipv4' ? '10.244.240.0/24' : 'fd44:0:0:f0::/64');
      const beside = parsePrefix(family === 'ipv4' ? '198.51.100.0/24' : '2001:db8:2::/64');
      for (const destination of [inside, beside]) {
        table.set(
          { kind: 'memory-route', destination, priority: 7, tunnel: 'foreign0', via, owner: SOMEBODY },
          SOMEBODY,
        );
      }
    }
  }

  async recreateInterface(): Promise<void> {
    await this.#host.recreateInterface();
  }

  async readdress(_from: PerFamily<Address>, to: PerFamily<Address>): Promise<void> {
    this.#host.readdress(to);
  }

  async setMtu(mtu: number): Promise<void> {
    this.#host.setMtu(mtu);
  }
}

class MemoryAttachment implements Attachment<MemoryKernel> {
  readonly faults: Faults;

  constructor(readonly platform: MemoryKernel) {
    const { faults } = platform;
    this.faults = {
      get refusing() {
        return faults.refusing;
      },
      set refusing(refusing) {
        faults.refusing = refusing;
      },
      get refused() {
        return faults.refused;
      },
      sever: () => faults.sever(),
      // Routes and tunnels listen apart.
      loseNext: () => faults.loseNext(2),
    };
  }

  host$(families: readonly Family[]): Observable<HostState> {
    void families;
    return this.platform.host$;
  }

  unmarked(own: View): readonly string[] {
    return own.items.filter(({ raw }) => raw.owner !== this.platform.owner).map(({ text }) => text);
  }

  writes(): Readonly<Record<string, number>> {
    return { objects: this.platform.writes };
  }

  audit(): void {
    this.platform.reconciler.audit();
  }

  close(): Promise<void> {
    return this.platform.close();
  }
}

function itemOf(object: MemoryObject): ViewItem {
  const raw = object as unknown as ViewItem['raw'];
  const key = `${object.kind} ${memoryKey(object)}`;
  if (object.kind === 'memory-tunnel') {
    const { name, channel, mtu, up, checksSource, owner } = object;
    const state = `${up ? 'up' : 'down'}${checksSource ? ' checks' : ''}`;
    const text = `${key} channel ${channel} mtu ${mtu} ${state} owner ${owner}`;
    return { kind: 'link', key, device: name, text, raw };
  }
  const { destination, tunnel, via, owner } = object;
  const family = FAMILIES.find((each) => each === addressFamily(destination));
  return { kind: 'route', key, device: tunnel, family, text: `${key} tunnel ${tunnel} via ${via} owner ${owner}`, raw };
}
