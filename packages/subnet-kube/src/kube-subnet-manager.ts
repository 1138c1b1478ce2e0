import type {
  AcquireOptions,
  AcquireRequest,
  Address,
  ConfigEvent,
  Lease,
  LeaseEvent,
  OwnLease,
  PerFamily,
  Prefix,
  SubnetManager,
} from '@overlay/core';
import { errorCode, errorText, OverlayError, throwIfAborted } from '@overlay/core';
import { Backoff, LeaseKeeper, wait } from '@overlay/core/store';
import { concat, NEVER, Observable, of, Subject, takeUntil } from 'rxjs';
import { Access } from './api/access.js';
import { ApiClient } from './api/api-client.js';
import { SUFFIXES } from './node/annotation-names.js';
import { readAddresses, WRITTEN } from './node/annotations.js';
import { NodeApi } from './node/node-api.js';
import type { NodeFacts } from './node/node-facts.js';
import { nodeLease } from './node/node-lease.js';
import { OwnName } from './node/own-name.js';
import type { CompleteOptions, KubeSubnetManagerOptions } from './options.js';
import { completeOptions } from './options.js';
import { givenSubnets } from './own/given-subnets.js';
import type { NetworkReport } from './own/network-condition.js';
import { NetworkCondition } from './own/network-condition.js';
import { NodeEvents } from './own/node-events.js';
import type { Granted } from './own/node-mender.js';
import { NodeMender } from './own/node-mender.js';
import { NodeView } from './view/node-view.js';

/** How often a Node is looked at for which something is missing, beside what the watch tells of it. */
const LOOK_MS = 3_000;
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;

/**
 * Leases as Nodes of Kubernetes: subnets are their podCIDRs, which Kubernetes gives out, and what hosts publish are
 * annotations, flannel's, so that hosts that run flanneld and hosts that run this form one network. The host of every
 * request is the Node of {@link KubeSubnetManagerOptions.node}, whatever its `hostId`. A lease's key is its Node's name; it
 * has no end. The API server is asked from the first use on until {@link close}.
 */
export class KubeSubnetManager implements SubnetManager {
  readonly config$: Observable<ConfigEvent>;
  readonly leases$: Observable<LeaseEvent>;

  readonly #options: CompleteOptions;
  readonly #api: NodeApi;
  readonly #ownName: OwnName;
  readonly #view: NodeView;
  readonly #condition: NetworkCondition;
  readonly #events: NodeEvents;
  readonly #closing = new AbortController();
  readonly #closed$ = new Subject<void>();
  /** What is under way and has to end before {@link close} does. */
  readonly #pending = new Set<Promise<unknown>>();
  #kept: { readonly mender: NodeMender; readonly keeper: LeaseKeeper } | undefined;
  #closed: Promise<void> | undefined;

  /** @throws OverlayError `OVERLAY_OPTION_INVALID` */
  constructor(options: KubeSubnetManagerOptions) {
    this.#options = completeOptions(options);
    const { access, names, node, clock, logger, timeoutMs, silenceMs, spreadMs } = this.#options;
    const client = new ApiClient({ access: new Access(access), clock, timeoutMs });
    this.#api = new NodeApi(client, names);
    this.#ownName = new OwnName(node, client);
    const common = { client, clock, logger };
    this.#view = new NodeView({
      ...common,
      start: names.start,
      ownName: this.#ownName,
      silenceMs,
      spreadMs,
    });
    this.#condition = new NetworkCondition({ api: this.#api, view: this.#view, clock, logger });
    this.#events = new NodeEvents(common);
    const { netConf, config$ } = options;
    const configured: Observable<ConfigEvent> =
      netConf === undefined ? config$ : concat(of<ConfigEvent>({ type: 'config', netConf }), NEVER);
    this.config$ = configured.pipe(takeUntil(this.#closed$));
    this.leases$ = new Observable<LeaseEvent>((subscriber) => {
      this.#view.start();
      if (this.#view.ready && this.#closed === undefined) subscriber.next(this.#view.snapshot());
      return this.#view.events.subscribe(subscriber);
    });
  }

  /**
   * What this host's Node says, if flanneld or this has written there.
   *
   * @throws OverlayError also `OVERLAY_STORE_UNAVAILABLE`, `OVERLAY_STORE_REFUSED` when the API server cannot be asked now
   */
  async previous(_hostId: string, { signal }: { readonly signal: AbortSignal }): Promise<Lease | undefined> {
    const node = await this.#ask('looking for the lease of this host', signal, (ended) => this.#ownNode(ended));
    return node && nodeLease(node).lease;
  }

  /**
   * Addresses that a person has set for this Node (`node-public-ip`, `node-public-ipv6`): this host is to use them in
   * place of what its flags say. Those that are none are passed over with a warning.
   *
   * @throws OverlayError `OVERLAY_STORE_UNAVAILABLE`, `OVERLAY_STORE_REFUSED`, `OVERLAY_ABORTED`, `OVERLAY_CLOSED`
   */
  async nodeAddresses({ signal }: { readonly signal: AbortSignal }): Promise<PerFamily<Address>> {
    const node = await this.#ask('looking for addresses set for this Node', signal, (ended) => this.#ownNode(ended));
    if (node === undefined) return {};
    const { addresses, problems } = readAddresses(node.annotations, SUFFIXES.node);
    for (const problem of problems) this.#options.logger.warn(`Node ${node.name}: ${problem}`);
    return addresses;
  }

  /**
   * Says whether pods of this host can be reached, which becomes the Node's condition NetworkUnavailable and is kept so.
   * Without it that condition is nobody's business here.
   */
  reportNetwork(report: NetworkReport): void {
    if (this.#closed === undefined) this.#condition.report(report);
  }

  /** @throws OverlayError as {@link SubnetManager.acquire}; `OVERLAY_LEASE_INVALID` for a podCIDR outside the network */
  async acquire(request: AcquireRequest, { signal, waiting }: AcquireOptions): Promise<OwnLease> {
    return this.#ask('acquiring a subnet', signal, async (ended) => {
      const { node, subnets } = await this.#given(request, ended, waiting);
      const { netConf, attributes } = request;
      const keeper = this.#keep(node.name, { netConf, subnets, attributes });
      const told = keeper.state$.subscribe(({ problem }) => {
        if (problem !== undefined) waiting?.(problem);
      });
      try {
        await keeper.publish(attributes, { signal: ended });
      } finally {
        told.unsubscribe();
      }
      return { state$: keeper.state$, publish: (published, options) => keeper.publish(published, options) };
    });
  }

  /**
   * Has this host's Node say that it is no host of this network any more: takes away the annotations that are written here.
   * Those that a person has set stay, and so do the podCIDRs, which are Kubernetes' to give, and the condition
   * NetworkUnavailable, since whatever carries the pods next may not know of it. Not for a Node that an agent keeps, which
   * would write it again.
   *
   * @throws OverlayError `OVERLAY_STORE_UNAVAILABLE`, `OVERLAY_STORE_REFUSED`, `OVERLAY_ABORTED`, `OVERLAY_CLOSED`
   */
  async release(_hostId: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    await this.#ask('releasing the subnet of this host', signal, async (ended) => {
      const node = await this.#ownNode(ended);
      const there = WRITTEN.filter((suffix) => node?.annotations.has(suffix) ?? false);
      if (node === undefined || there.length === 0) return;
      const gone = new Map(there.map((suffix) => [suffix, null]));
      await this.#api.annotate(node.name, gone, { what: `clearing Node ${node.name}`, signal: ended });
    });
  }

  resync(): void {
    if (this.#closed === undefined) this.#view.resync();
  }

  confirmedAt(): number | undefined {
    return this.#view.confirmedAt;
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#closed$.next();
    await Promise.all([this.#kept?.keeper.close(), this.#condition.close()]);
    await this.#view.close();
    await Promise.allSettled(this.#pending);
  }

  #keep(name: string, granted: Granted): LeaseKeeper {
    if (this.#kept !== undefined) {
      this.#kept.mender.adopt(granted);
      this.#kept.keeper.adopt(granted.attributes);
      return this.#kept.keeper;
    }
    const { clock, logger } = this.#options;
    const view = this.#view;
    const mender = new NodeMender({ name, api: this.#api, view, clock, logger }, granted);
    const { attributes } = granted;
    const keeper = new LeaseKeeper({ mender, attributes, view, touched$: view.own, clock, logger });
    this.#kept = { mender, keeper };
    return keeper;
  }

  /** Waits until Kubernetes has given the Node a subnet in each family that is wanted. */
  async #given(
    { netConf }: AcquireRequest,
    signal: AbortSignal,
    waiting: ((reason: string) => void) | undefined,
  ): Promise<{ node: NodeFacts; subnets: PerFamily<Prefix> }> {
    const { clock, logger } = this.#options;
    const backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
    let told: string | undefined;
    const tell = (reason: string): void => {
      if (reason === told) return;
      told = reason;
      logger.warn(`waiting for a subnet: ${reason}`);
      waiting?.(reason);
    };
    // What was read for previous() a moment ago will do; the watch tells when it is outdated.
    let known = this.#view.own.value;
    for (;;) {
      try {
        const node = typeof known === 'object' ? known : await this.#ownNode(signal);
        known = undefined;
        const name = await this.#ownName.find(signal);
        const given = givenSubnets(name, node, netConf);
        if (given.kind === 'wrong') throw new OverlayError('OVERLAY_LEASE_INVALID', given.reason);
        if (given.kind === 'given' && node !== undefined) return { node, subnets: given.subnets };
        const reason = given.kind === 'missing' ? given.reason : `Node ${name} does not exist`;
        if (node !== undefined && reason !== told) {
          void this.#during(this.#events.warn(node, 'PodCIDRNotAssigned', reason, signal));
        }
        tell(reason);
        backoff.reset();
        await this.#changeOf(node, signal);
      } catch (error) {
        if (signal.aborted || ['OVERLAY_LEASE_INVALID', 'OVERLAY_CONFIG_INVALID'].includes(errorCode(error) ?? ''))
          throw error;
        tell(errorText(error));
        await wait(clock, backoff.next(), 'acquiring a subnet', signal);
      }
    }
  }

  /** Resolves when the Node is another than this one, or after a while. */
  async #changeOf(node: NodeFacts | undefined, signal: AbortSignal): Promise<void> {
    this.#view.start();
    const over = new AbortController();
    const version = node?.resourceVersion;
    const subscription = this.#view.own.subscribe((own) => {
      if (typeof own === 'object' && own.resourceVersion !== version) over.abort();
    });
    try {
      await wait(this.#options.clock, LOOK_MS, 'waiting for a change', AbortSignal.any([signal, over.signal]));
    } catch (error) {
      if (!over.signal.aborted || signal.aborted) throw error;
    } finally {
      subscription.unsubscribe();
    }
  }

  async #ownNode(signal: AbortSignal): Promise<NodeFacts | undefined> {
    const name = await this.#ownName.find(signal);
    const node = await this.#api.get(name, { what: `reading Node ${name}`, signal });
    this.#view.learn(node ?? 'absent');
    return node;
  }

  /** Ends what is asked with the signal and with {@link close}, and says which of the two it was. */
  async #ask<T>(what: string, signal: AbortSignal, work: (ended: AbortSignal) => Promise<T>): Promise<T> {
    this.#check(what, signal);
    this.#view.start();
    try {
      return await this.#during(work(AbortSignal.any([signal, this.#closing.signal])));
    } finally {
      this.#check(what, signal);
    }
  }

  async #during<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    try {
      return await work;
    } finally {
      this.#pending.delete(work);
    }
  }

  #check(what: string, signal: AbortSignal): void {
    if (this.#closed !== undefined) throw new OverlayError('OVERLAY_CLOSED', `${what}: the subnet manager is closed`);
    throwIfAborted(what, signal);
  }
}
