import type {
  Address,
  BackendFactory,
  Family,
  Host,
  Lease,
  LeaseAttributes,
  Network,
  NetConf,
  PerFamily,
  Prefix,
} from '@overlay/core';
import { Agent, FAMILIES } from '@overlay/core';
import { BehaviorSubject, filter, firstValueFrom, from, map, timeout } from 'rxjs';
import type { BackendTimeouts } from '../timeouts.js';
import { within } from '../../suite/until.js';
import type { Attachment, Machine, Pod } from './environment.js';
import type { LogLines } from './log-lines.js';
import type { SharedStore } from './shared-store.js';
import type { View } from './view.js';

/** What the hosts of one environment have in common. */
export interface HostContext {
  readonly factory: (platform: unknown) => BackendFactory;
  readonly netConf: NetConf;
  readonly store: SharedStore;
  readonly log: LogLines;
  readonly timeouts: BackendTimeouts;
}

/** A running agent with what it has of its host. */
export interface RunningAgent {
  readonly agent: Agent;
  readonly attachment: Attachment<unknown>;
}

/** A network that a test works with by itself, without an agent. */
export interface OpenedNetwork {
  readonly network: Network;
  readonly attachment: Attachment<unknown>;
  readonly lease$: BehaviorSubject<Lease>;
  readonly host$: BehaviorSubject<Host>;
}

/** How {@link OverlayHost.open} differs from the usual. */
export interface OpenOptions {
  /** What a process has of the host already, of which this is to be one more network. Another process's unless told. */
  readonly attachment?: Attachment<unknown>;
  /** Tells the objects of two agents on one host apart. */
  readonly instance?: string;
  readonly netConf?: NetConf;
  readonly subnets?: PerFamily<Prefix>;
  readonly signal?: AbortSignal;
  /** Whether the host is to refuse all changes until the test says otherwise. */
  readonly refusing?: boolean;
}

/** A host that is to publish. */
export interface Published {
  readonly hostId: string;
  readonly at?: PerFamily<Address>;
  readonly netConf?: NetConf;
}

/** One host, on which agents come and go. */
export class OverlayHost {
  readonly machine: Machine<unknown>;
  readonly #context: HostContext;
  readonly #running = new Set<RunningAgent>();
  readonly #opened = new Set<OpenedNetwork>();
  readonly #attachments = new Set<Attachment<unknown>>();
  readonly #factories = new WeakMap<Attachment<unknown>, BackendFactory>();

  constructor(machine: Machine<unknown>, context: HostContext) {
    this.machine = machine;
    this.#context = context;
  }

  get name(): string {
    return this.machine.name;
  }

  /** The agent that runs. */
  get running(): RunningAgent {
    const [running] = this.#running;
    if (running === undefined) throw new Error(`no agent runs on ${this.name}`);
    return running;
  }

  get pod(): Pod {
    const [pod] = this.machine.pods;
    if (pod === undefined) throw new Error(`${this.name} has no pod`);
    return pod;
  }

  /** What its data path is made of. */
  view(): Promise<View> {
    return this.machine.view();
  }

  /** What a process would have of this host. The environment closes it. */
  attach(instance?: string): Attachment<unknown> {
    const { log: logger } = this.#context;
    const attachment = this.machine.attach({ logger, ...(instance === undefined ? {} : { instance }) });
    this.#attachments.add(attachment);
    return attachment;
  }

  /** The factory of a process: one for all its backends. */
  factory(attachment: Attachment<unknown>): BackendFactory {
    const made = this.#factories.get(attachment) ?? this.#context.factory(attachment.platform);
    this.#factories.set(attachment, made);
    return made;
  }

  /** Starts an agent; resolves when it is ready. */
  async start(): Promise<RunningAgent> {
    const { store, log, timeouts } = this.#context;
    const attachment = this.attach();
    const agent = new Agent({
      hostId: this.name,
      subnetManager: store.manager,
      backends: [this.factory(attachment)],
      host$: attachment.host$(this.#families),
      holdMs: 0,
      logger: log,
    });
    const running = { agent, attachment };
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
    await this.#detach(running.attachment);
  }

  /** What kill -9 does to the agent: the host hears nothing more of it. */
  async kill(): Promise<void> {
    const { running } = this;
    this.#running.delete(running);
    running.attachment.faults.sever();
    // The rest of it still lives in this process; it can do no harm any more, and must not stay.
    await within(`ending the agent of ${this.name}`, this.#context.timeouts.end, running.agent.stop());
    await this.#detach(running.attachment);
  }

  /** The host on the underlay as it is told now. */
  async host(attachment: Attachment<unknown>): Promise<Host> {
    const { timeouts } = this.#context;
    const states$ = attachment.host$(this.#families).pipe(
      map((state) => state.host),
      filter((host) => host !== undefined),
      timeout(timeouts.converge),
    );
    return firstValueFrom(states$);
  }

  /** What a host with this identity publishes from here, at these addresses instead of its own if told. */
  async attributes(hostId: string, wish: Omit<Published, 'hostId'> = {}): Promise<LeaseAttributes> {
    const [attributes] = await this.attributesOfMany([{ ...wish, hostId }], wish.netConf);
    return attributes;
  }

  /** The same for many hosts at once. */
  async attributesOfMany(
    hosts: readonly Published[],
    netConf: NetConf = this.#context.netConf,
  ): Promise<readonly LeaseAttributes[]> {
    const attachment = this.attach();
    try {
      const host = await this.host(attachment);
      // One for all: what a factory has found out about the host it need not find out for each of them.
      const factory = this.factory(attachment);
      const all: LeaseAttributes[] = [];
      for (const { hostId, at } of hosts) {
        const moved = at === undefined ? host : { interface: host.interface, ...addressesOf(at) };
        const backend = factory.create({ netConf, hostId });
        all.push(await firstValueFrom(backend.attributes$({ host$: new BehaviorSubject<Host>(moved) })));
      }
      return all;
    } finally {
      await this.#detach(attachment);
    }
  }

  /** Opens a network without an agent. */
  async open(options: OpenOptions = {}): Promise<OpenedNetwork> {
    const { store, log, timeouts } = this.#context;
    const netConf = options.netConf ?? this.#context.netConf;
    const attachment = options.attachment ?? this.attach(options.instance);
    attachment.faults.refusing = options.refusing ?? false;
    const host$ = new BehaviorSubject(await this.host(attachment));
    const backend = this.factory(attachment).create({ netConf, hostId: this.name, logger: log });
    const attributes = await firstValueFrom(from(backend.attributes$({ host$ })));
    const subnets = options.subnets ?? store.subnets(netConf, 1);
    const lease$ = new BehaviorSubject<Lease>({ key: this.name, subnets, attributes });
    const signal = options.signal ?? AbortSignal.timeout(timeouts.converge);
    const network = await backend.open({ host$, lease$, signal });
    const opened = { network, attachment, host$, lease$ };
    this.#opened.add(opened);
    return opened;
  }

  /** Closes a network and what it had of the host. */
  async close(opened: OpenedNetwork): Promise<void> {
    this.#opened.delete(opened);
    await within('closing the network', this.#context.timeouts.end, opened.network.close());
    await this.#detach(opened.attachment);
  }

  /** Ends all that was begun here; what fails to end keeps nothing else from it. */
  async end(): Promise<void> {
    const { end: limit } = this.#context.timeouts;
    const all = async (what: string, ending: readonly Promise<void>[]): Promise<PromiseSettledResult<void>[]> =>
      Promise.allSettled(ending.map((one) => within(`${what} of ${this.name}`, limit, one)));
    const ends = [
      ...(await all(
        'stopping the agent',
        [...this.#running].map(({ agent }) => agent.stop()),
      )),
      ...(await all(
        'closing a network',
        [...this.#opened].map(({ network }) => network.close()),
      )),
      ...(await all(
        'letting go',
        [...this.#attachments].map((attachment) => attachment.close()),
      )),
    ];
    this.#running.clear();
    this.#opened.clear();
    this.#attachments.clear();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  get #families(): readonly Family[] {
    return FAMILIES.filter((family) => this.#context.netConf[family] !== undefined);
  }

  async #detach(attachment: Attachment<unknown>): Promise<void> {
    this.#attachments.delete(attachment);
    await attachment.close();
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
