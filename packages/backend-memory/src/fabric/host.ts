import type { Address, Host, HostAddress, HostInterface, HostState, PerFamily, Prefix } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import type { Observable } from 'rxjs';
import { BehaviorSubject } from 'rxjs';
import { MemoryTable } from '../kernel/table.js';
import { MemoryPod } from './pod.js';

/** What a host of a fabric is made from. */
export interface MemoryHostInit {
  readonly name: string;
  /** The links' prefixes on which its addresses are. */
  readonly prefixes: PerFamily<Prefix>;
  readonly addresses: PerFamily<Address>;
  /** Bytes of the largest packet that its interface sends. */
  readonly mtu: number;
}

/** A host in memory: an interface with addresses, a table, and pods. */
export class MemoryHost {
  readonly name: string;
  readonly prefixes: PerFamily<Prefix>;
  readonly table = new MemoryTable();
  readonly #state: BehaviorSubject<HostState>;
  readonly #pods: MemoryPod[] = [];
  readonly #processes = new Set<unknown>();

  constructor({ name, prefixes, addresses, mtu }: MemoryHostInit) {
    this.name = name;
    this.prefixes = prefixes;
    const external: HostInterface = { name: 'eth0', index: 2, mtu, broadcast: true, running: true };
    this.#state = new BehaviorSubject<HostState>({ host: { interface: external, ...endpoints(addresses) } });
  }

  /** The host as an agent sees it: the state now, then each different one. */
  get host$(): Observable<HostState> {
    return this.#state.asObservable();
  }

  /** The host as it is now; undefined while it has no interface. */
  get host(): Host | undefined {
    return this.#state.value.host;
  }

  /** Its addresses on the underlay; none while it has no interface. */
  get addresses(): PerFamily<Address> {
    const { host } = this;
    return Object.fromEntries(FAMILIES.flatMap((family) => (host?.[family] ? [[family, host[family].address]] : [])));
  }

  /** Bytes of the largest packet that its interface sends; 0 while it has none. */
  get mtu(): number {
    return this.host?.interface.mtu ?? 0;
  }

  get pods(): readonly MemoryPod[] {
    return this.#pods;
  }

  /** Processes that have this host's table open. */
  get processes(): number {
    return this.#processes.size;
  }

  addPod(addresses: PerFamily<Address>, mtu: number): MemoryPod {
    const pod = new MemoryPod(`${this.name}p${this.#pods.length + 1}`, addresses, mtu);
    this.#pods.push(pod);
    return pod;
  }

  /** Gives the interface another MTU. */
  setMtu(mtu: number): void {
    this.#change({ mtu });
  }

  /** Gives the interface other addresses. */
  readdress(addresses: PerFamily<Address>): void {
    const { host } = this;
    if (host) this.#state.next({ host: { interface: host.interface, ...endpoints(addresses) } });
  }

  /** Removes the interface, which for a moment is not there, and makes it again under another index. */
  async recreateInterface(): Promise<void> {
    const { host } = this;
    if (host === undefined) return;
    this.#state.next({ waiting: 'there is no interface' });
    await new Promise((resolve) => setImmediate(resolve));
    this.#state.next({ host: { ...host, interface: { ...host.interface, index: host.interface.index + 1 } } });
  }

  /** @internal */
  attached(process: unknown): void {
    this.#processes.add(process);
  }

  /** @internal */
  detached(process: unknown): void {
    this.#processes.delete(process);
  }

  #change(members: Partial<HostInterface>): void {
    const { host } = this;
    if (host) this.#state.next({ host: { ...host, interface: { ...host.interface, ...members } } });
  }
}

function endpoints(addresses: PerFamily<Address>): PerFamily<HostAddress> {
  return Object.fromEntries(
    FAMILIES.flatMap((family) => {
      const address = addresses[family];
      return address === undefined ? [] : [[family, { address, publicIP: address }]];
    }),
  );
}
