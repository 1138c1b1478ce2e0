import type {
  Address,
  BackendFactory,
  Host,
  Lease,
  LeaseAttributes,
  Network,
  NetConf,
  PerFamily,
  Prefix,
} from '@overlay/core';
import { Agent, FAMILIES } from '@overlay/core';
import type { LabHost, LabPod } from '@overlay/lab';
import type { Linux } from '@overlay/linux';
import { openLinux, openNetlink } from '@overlay/linux';
import { BehaviorSubject, filter, firstValueFrom, from, map, timeout } from 'rxjs';
import type { BackendTimeouts } from '../timeouts.js';
import { within } from '../../suite/until.js';
import { KernelAccess } from './severable-port.js';
import { KernelView } from './kernel-view.js';
import type { LogLines } from './log-lines.js';
import type { SharedStore } from './shared-store.js';

/** What the hosts of one environment have in common. */
export interface HostContext {
  readonly factory: (linux: Linux) => BackendFactory;
  readonly netConf: NetConf;
  readonly store: SharedStore;
  readonly log: LogLines;
  readonly timeouts: BackendTimeouts;
}

/** A running agent with the kernel access of its own. */
export interface RunningAgent {
  readonly agent: Agent;
  readonly linux: Linux;
  readonly access: KernelAccess;
}

/** A network that a test works with by itself, without an agent. */
export interface OpenedNetwork {
  readonly network: Network;
  readonly linux: Linux;
  readonly access: KernelAccess;
  readonly lease$: BehaviorSubject<Lease>;
  readonly host$: BehaviorSubject<Host>;
}

/** How {@link OverlayHost.open} differs from the usual. */
export interface OpenOptions {
  /** Of the Linux layer; `default` unless told. */
  readonly instance?: string;
  readonly netConf?: NetConf;
  readonly subnets?: PerFamily<Prefix>;
  readonly signal?: AbortSignal;
  /** Whether the kernel is to refuse all changes until the test says otherwise. */
  readonly refusing?: boolean;
}

/** One host: a network namespace in which agents come and go. */
export class OverlayHost {
  readonly lab: LabHost;
  readonly #context: HostContext;
  readonly #running = new Set<RunningAgent>();
  readonly #opened = new Set<OpenedNetwork>();
  readonly #linuxes = new Set<Linux>();

  constructor(lab: LabHost, context: HostContext) {
    this.lab = lab;
    this.#context = context;
  }

  get name(): string {
    return this.lab.name;
  }

  /** The agent that runs. */
  get running(): RunningAgent {
    const [running] = this.#running;
    if (running === undefined) throw new Error(`no agent runs on ${this.name}`);
    return running;
  }

  get pod(): LabPod {
    const [pod] = this.lab.pods;
    if (pod === undefined) throw new Error(`${this.name} has no pod`);
    return pod;
  }

  /** What is in the kernel. */
  view(): Promise<KernelView> {
    return KernelView.read(this.lab);
  }

  /** The kernel of this host, for an instance. The environment closes it. */
  linux(instance?: string): { linux: Linux; access: KernelAccess } {
    const netns = `/run/netns/${this.lab.netns}`;
    const access = new KernelAccess(() => openNetlink({ netns }));
    const linux = openLinux({
      netns,
      logger: this.#context.log,
      open: () => access.open(),
      ...(instance === undefined ? {} : { instance }),
    });
    this.#linuxes.add(linux);
    return { linux, access };
  }

  /** Starts an agent; resolves when it is ready. */
  async start(): Promise<RunningAgent> {
    const { netConf, factory, store, log, timeouts } = this.#context;
    const { linux, access } = this.linux();
    const families = FAMILIES.filter((family) => netConf[family] !== undefined);
    const agent = new Agent({
      hostId: this.name,
      subnetManager: store.manager,
      backends: [factory(linux)],
      host$: linux.host$({ families }),
      holdMs: 0,
      logger: log,
    });
    const running = { agent, linux, access };
    this.#running.add(running);
    await agent.start();
    await agent.ready({ signal: AbortSignal.timeout(timeouts.join) });
    return running;
  }

  /** Stops the agent as SIGTERM does. */
  async stop(): Promise<void> {
    const { running } = this;
    this.#running.delete(running);
    await within(`stopping the agent of ${this.name}`, this.#context.timeouts.end, running.agent.stop());
    await this.#closeLinux(running.linux);
  }

  /** What kill -9 does to the agent: the kernel hears nothing more of it. */
  async kill(): Promise<void> {
    const { running } = this;
    this.#running.delete(running);
    running.access.sever();
    // The rest of it still lives in this process; it can do no harm any more, and must not stay.
    await running.agent.stop();
    await this.#closeLinux(running.linux);
  }

  /** The host as its own kernel tells it. */
  async host(linux: Linux): Promise<Host> {
    const { netConf, timeouts } = this.#context;
    const families = FAMILIES.filter((family) => netConf[family] !== undefined);
    const states$ = linux.host$({ families }).pipe(
      map((state) => state.host),
      filter((host) => host !== undefined),
      timeout(timeouts.converge),
    );
    return firstValueFrom(states$);
  }

  /** What a host with this identity publishes from here, at these addresses instead of its own if told. */
  async attributes(hostId: string, at?: PerFamily<Address>): Promise<LeaseAttributes> {
    const { netConf, factory } = this.#context;
    const { linux } = this.linux();
    try {
      const host = await this.host(linux);
      const moved = at === undefined ? host : { interface: host.interface, ...addressesOf(at) };
      const backend = factory(linux).create({ netConf, hostId });
      return await firstValueFrom(backend.attributes$({ host$: new BehaviorSubject<Host>(moved) }));
    } finally {
      await this.#closeLinux(linux);
    }
  }

  /** Opens a network without an agent. */
  async open(options: OpenOptions = {}): Promise<OpenedNetwork> {
    const { store, factory, log, timeouts } = this.#context;
    const netConf = options.netConf ?? this.#context.netConf;
    const { linux, access } = this.linux(options.instance);
    access.refusing = options.refusing ?? false;
    const host$ = new BehaviorSubject(await this.host(linux));
    const backend = factory(linux).create({ netConf, hostId: this.name, logger: log });
    const attributes = await firstValueFrom(from(backend.attributes$({ host$ })));
    const subnets = options.subnets ?? store.subnets(netConf, 1);
    const lease$ = new BehaviorSubject<Lease>({ key: this.name, subnets, attributes });
    const signal = options.signal ?? AbortSignal.timeout(timeouts.converge);
    const network = await backend.open({ host$, lease$, signal });
    const opened = { network, linux, access, host$, lease$ };
    this.#opened.add(opened);
    return opened;
  }

  /** Closes a network and the kernel access that it had. */
  async close(opened: OpenedNetwork): Promise<void> {
    this.#opened.delete(opened);
    await within('closing the network', this.#context.timeouts.end, opened.network.close());
    await this.#closeLinux(opened.linux);
  }

  /** Ends all that was begun here; what fails to end keeps nothing else from it. */
  async end(): Promise<void> {
    const ends: PromiseSettledResult<void>[] = [
      ...(await Promise.allSettled([...this.#running].map(({ agent }) => agent.stop()))),
      ...(await Promise.allSettled([...this.#opened].map(({ network }) => network.close()))),
      ...(await Promise.allSettled([...this.#linuxes].map((linux) => linux.close()))),
    ];
    this.#running.clear();
    this.#opened.clear();
    this.#linuxes.clear();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  async #closeLinux(linux: Linux): Promise<void> {
    this.#linuxes.delete(linux);
    await linux.close();
  }
}

function addressesOf(at: PerFamily<Address>): Omit<Host, 'interface'> {
  return Object.fromEntries(
    FAMILIES.flatMap((family) => {
      const address = at[family];
      return address === undefined ? [] : [[family, { address, publicIP: address }]];
    }),
  );
}
