import { errorText, formatLeaseKey, formatLeaseValue, formatNetConf, OverlayError } from '@overlay/core';
import { parseLeaseKey, parseLeaseValue, silentLogger, systemClock } from '@overlay/core';
import type { AcquireOptions, AcquireRequest, ConfigEvent, Lease, LeaseAttributes, LeaseChange } from '@overlay/core';
import type { LeaseEvent, Logger, NetConf, OwnLease, SubnetManager } from '@overlay/core';
import { Backoff, LeaseKeeper, Lifetime, sameSubnets, wait } from '@overlay/core/store';
import type { LeaseMender, Mended } from '@overlay/core/store';
import { concat, NEVER, Observable, of, Subject, takeUntil } from 'rxjs';
import type { LeaseList, LeaseRecord, LeaseWish } from './lease-service.js';

export interface HttpSubnetManagerOptions {
  /** Of the service: `http://leases.example:8500`. */
  readonly url: string;
  /** The configuration is this host's own; the service only gives out subnets. */
  readonly netConf: NetConf;
  readonly logger?: Logger;
}

/** Leases of an HTTP service. What the service says is checked like any input. */
export class HttpSubnetManager implements SubnetManager {
  readonly config$: Observable<ConfigEvent>;
  readonly leases$: Observable<LeaseEvent>;
  readonly #events = new Subject<LeaseEvent>();
  readonly #life = new Lifetime();
  readonly #own = new Map<string, { readonly mender: HttpLeaseMender; readonly keeper: LeaseKeeper }>();
  readonly #records = new Map<string, string>();
  #leases = new Map<string, Lease>();
  #version = 0;
  #following = false;
  #confirmedAt: number | undefined;

  constructor(private readonly options: HttpSubnetManagerOptions) {
    const config: ConfigEvent = { type: 'config', netConf: options.netConf };
    this.config$ = concat(of(config), NEVER).pipe(takeUntil(this.#life.ended$));
    this.leases$ = new Observable<LeaseEvent>((subscriber) => {
      this.#follow();
      if (this.ready) subscriber.next(this.snapshot());
      return this.#events.subscribe(subscriber);
    }).pipe(takeUntil(this.#life.ended$));
  }

  get events(): Observable<LeaseEvent> {
    return this.#events;
  }

  /** Whether the service has answered. */
  get ready(): boolean {
    return this.#version > 0;
  }

  snapshot(): LeaseEvent {
    return { type: 'snapshot', leases: [...this.#leases.values()] };
  }

  async previous(hostId: string, { signal }: { readonly signal: AbortSignal }): Promise<Lease | undefined> {
    const what = `asking ${this.options.url} for the lease of host ${hostId}`;
    const { leases } = await this.#life.ask(what, signal, (either) => this.#ask('leases', either, listOf));
    return leases[hostId] && leaseOf(hostId, leases[hostId]);
  }

  async acquire(request: AcquireRequest, { signal, waiting }: AcquireOptions): Promise<OwnLease> {
    const what = `acquiring a lease for host ${request.hostId} from ${this.options.url}`;
    const lease = await this.#life.ask(what, signal, async (either) => {
      for (const backoff = new Backoff(200, 10_000); ;) {
        try {
          return await this.put(request, either);
        } catch (error) {
          if (error instanceof OverlayError || either.aborted) throw error;
          waiting?.(`${this.options.url} does not answer: ${errorText(error)}`);
          await wait(systemClock, backoff.next(), what, either);
        }
      }
    });
    return this.#keep(lease, request);
  }

  resync(): void {
    const asked = this.#ask('leases', this.#life.signal, listOf);
    void this.#life.during(asked).then(
      (list) => {
        this.#take(list);
        this.#events.next(this.snapshot());
      },
      () => undefined, // what follows the service tells it when it is back
    );
  }

  confirmedAt(): number | undefined {
    return this.#confirmedAt;
  }

  close(): Promise<void> {
    return this.#life.end(async () => {
      await Promise.all([...this.#own.values()].map(({ keeper }) => keeper.close()));
      this.#events.complete();
    });
  }

  /** Asks for a lease, or writes what a host publishes with it. @throws OverlayError `OVERLAY_RANGE_FULL` */
  async put({ hostId, netConf, attributes, wanted }: AcquireRequest, signal: AbortSignal): Promise<Lease> {
    const value = formatLeaseValue(attributes);
    const wish: LeaseWish = {
      netConf: formatNetConf(netConf),
      value,
      ...(wanted && { wanted: formatLeaseKey(wanted) }),
    };
    const read = (answer: unknown): Lease | undefined => (isRecord(answer) ? leaseOf(hostId, answer) : undefined);
    return this.#ask(`leases/${encodeURIComponent(hostId)}`, signal, read, wish);
  }

  #keep(lease: Lease, request: AcquireRequest): OwnLease {
    this.#follow();
    const { attributes, hostId } = request;
    let own = this.#own.get(hostId);
    if (own) {
      own.mender.lease = lease;
      own.keeper.adopt(attributes);
    } else {
      const mender = new HttpLeaseMender(this, request, lease);
      const logger = this.options.logger ?? silentLogger;
      const keeper = new LeaseKeeper({
        ...{ mender, attributes, logger, view: this, touched$: this.#events, clock: systemClock },
      });
      own = { mender, keeper };
      this.#own.set(hostId, own);
    }
    const { keeper } = own;
    return { state$: keeper.state$, publish: (published, options) => keeper.publish(published, options) };
  }

  get(hostId: string): Lease | undefined {
    return this.#leases.get(hostId);
  }

  /** Asks for all leases again and again; the service answers when something has changed. */
  #follow(): void {
    if (this.#following || this.#life.closed) return;
    this.#following = true;
    const { signal } = this.#life;
    const follow = async (): Promise<void> => {
      for (const backoff = new Backoff(200, 10_000); !signal.aborted;) {
        try {
          this.#take(await this.#ask(`leases?after=${this.#version}`, signal, listOf));
          backoff.reset();
        } catch {
          await wait(systemClock, backoff.next(), 'asking again', signal).catch(() => undefined);
        }
      }
    };
    void this.#life.during(follow());
  }

  #take({ version, leases }: LeaseList): void {
    const first = !this.ready;
    const changes: LeaseChange[] = [];
    for (const [key, record] of Object.entries(leases)) {
      if (this.#records.get(key) === String(record)) continue;
      const lease = leaseOf(key, record);
      if (!lease) continue;
      this.#records.set(key, String(record));
      this.#leases.set(key, lease);
      changes.push({ type: 'set', lease });
    }
    for (const key of this.#leases.keys()) {
      if (leases[key]) continue;
      this.#records.delete(key);
      this.#leases.delete(key);
      changes.push({ type: 'delete', key });
    }
    this.#version = version;
    if (first) this.#events.next(this.snapshot());
    else if (changes.length > 0) this.#events.next({ type: 'changes', changes });
  }

  /** @param read makes something of the answer, which may be anything; undefined when it is not what was asked for. */
  async #ask<T>(
    path: string,
    signal: AbortSignal,
    read: (answer: unknown) => T | undefined,
    body?: unknown,
  ): Promise<T> {
    const how = body === undefined ? { signal } : { signal, method: 'PUT', body: JSON.stringify(body) };
    const response = await fetch(`${this.options.url}/${path}`, how);
    const text = await response.text();
    if (response.status === 409) throw new OverlayError('OVERLAY_RANGE_FULL', `${this.options.url}: ${text}`);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}: ${text.slice(0, 200)}`);
    const answer = read(JSON.parse(text));
    if (answer === undefined) throw new Error(`${this.options.url}/${path}: did not expect ${text.slice(0, 200)}`);
    this.#confirmedAt = Date.now();
    return answer;
  }
}

/** Keeps one lease at the service as it should be; a LeaseKeeper decides when. */
class HttpLeaseMender implements LeaseMender {
  /** A lease of the service has no end. */
  readonly dueAt = undefined;

  constructor(
    private readonly manager: HttpSubnetManager,
    private readonly request: AcquireRequest,
    public lease: Lease,
  ) {}

  needsMending(attributes: LeaseAttributes): boolean {
    const found = this.manager.get(this.lease.key);
    return !found || formatLeaseValue(found.attributes) !== formatLeaseValue(attributes);
  }

  async mend(attributes: LeaseAttributes, signal: AbortSignal): Promise<Mended> {
    const { subnets } = this.lease;
    const lease = await this.manager.put({ ...this.request, attributes, wanted: subnets }, signal);
    if (sameSubnets(lease.subnets, subnets)) {
      this.lease = lease;
      return { kind: 'done' };
    }
    // Pods live in the subnet: it is for a person to move them.
    const problem = `the service has ${formatLeaseKey(lease.subnets)} for this host now; restart this agent to move there`;
    return { kind: 'done', lost: true, problem };
  }

  failure(error: unknown): { readonly problem: string } {
    return { problem: `the service cannot be asked: ${errorText(error)}; trying again` };
  }
}

function isRecord(value: unknown): value is LeaseRecord {
  return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string');
}

function listOf(value: unknown): LeaseList | undefined {
  const { version, leases } = (value ?? {}) as Partial<Record<keyof LeaseList, unknown>>;
  if (!Number.isInteger(version) || typeof leases !== 'object' || leases === null) return undefined;
  return Object.values(leases).every(isRecord) ? (value as LeaseList) : undefined;
}

function leaseOf(key: string, [subnetsText, value]: LeaseRecord): Lease | undefined {
  const subnets = parseLeaseKey(subnetsText);
  const reading = parseLeaseValue(value);
  return subnets && 'attributes' in reading ? { key, subnets, attributes: reading.attributes } : undefined;
}
