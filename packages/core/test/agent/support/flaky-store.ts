import type { Observable } from 'rxjs';
import { BehaviorSubject, combineLatest, defer, map } from 'rxjs';
import type {
  AcquireOptions,
  AcquireRequest,
  ConfigEvent,
  Lease,
  LeaseAttributes,
  LeaseEvent,
  OwnLease,
  SubnetManager,
} from '@overlay/core';

interface Aborting {
  readonly signal: AbortSignal;
}

/** A subnet manager in front of another one, whose steps a test may fail, hold or watch. */
export class FlakyStore implements SubnetManager {
  readonly acquired: AcquireRequest[] = [];
  readonly published: LeaseAttributes[] = [];
  resyncs = 0;
  onPrevious: (() => Promise<void>) | undefined;
  onAcquire: ((options: AcquireOptions) => Promise<void>) | undefined;
  onPublish: (() => Promise<void>) | undefined;
  /** In the place of the other one's streams, from the next subscription on. */
  configs: Observable<ConfigEvent> | undefined;
  leases: Observable<LeaseEvent> | undefined;
  /** Who has the own lease now; undefined: this host. */
  readonly taker$ = new BehaviorSubject<string | undefined>(undefined);
  readonly config$: Observable<ConfigEvent>;
  readonly leases$: Observable<LeaseEvent>;
  /** Whether asking for a new snapshot brings one. */
  answersResync = true;

  constructor(private readonly store: SubnetManager) {
    this.config$ = defer(() => this.configs ?? store.config$);
    this.leases$ = defer(() => this.leases ?? store.leases$);
  }

  async previous(hostId: string, options: Aborting): Promise<Lease | undefined> {
    await this.onPrevious?.();
    return this.store.previous(hostId, options);
  }

  async acquire(request: AcquireRequest, options: AcquireOptions): Promise<OwnLease> {
    this.acquired.push(request);
    await this.onAcquire?.(options);
    const own = await this.store.acquire(request, options);
    return {
      state$: combineLatest([own.state$, this.taker$]).pipe(
        map(([state, taker]) =>
          taker === undefined ? state : { ...state, problem: `held by ${taker}`, lost: true as const },
        ),
      ),
      publish: async (attributes, publishing) => {
        await this.onPublish?.();
        this.published.push(attributes);
        await own.publish(attributes, publishing);
      },
    };
  }

  resync(): void {
    this.resyncs++;
    if (this.answersResync) this.store.resync();
  }

  confirmedAt(): number | undefined {
    return this.store.confirmedAt();
  }

  close(): Promise<void> {
    return this.store.close();
  }
}

/** Fails the first `count` times. */
export function failing(count: number, error: () => Error): () => Promise<void> {
  let left = count;
  return async () => {
    if (left-- > 0) throw error();
  };
}
