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
import { OverlayError, type StaticSubnetManager } from '@overlay/core';
import type { Observable } from 'rxjs';
import { defer, first, ReplaySubject, switchMap, tap } from 'rxjs';
import { firstValue, unlessAborted } from '../../../dist/deferred.js';

/** A store that says nothing, on no way, until it {@link answer}s. */
export class SilentStore implements SubnetManager {
  readonly published: LeaseAttributes[] = [];
  readonly acquired: AcquireRequest[] = [];
  readonly config$: Observable<ConfigEvent>;
  readonly leases$: Observable<LeaseEvent>;
  closed = false;
  /** What happens to small questions meanwhile: they wait like all others, unless this is set. */
  small: 'answered' | 'refused' | undefined;
  readonly #answers = new ReplaySubject<void>(1);
  #heard = false;

  constructor(readonly inner: StaticSubnetManager) {
    const answered = this.#answers.pipe(first());
    this.config$ = defer(() => answered.pipe(switchMap(() => inner.config$)));
    this.leases$ = defer(() => answered.pipe(switchMap(() => inner.leases$.pipe(tap(() => (this.#heard = true))))));
  }

  answer(): void {
    this.#answers.next();
  }

  async previous(hostId: string, options: { readonly signal: AbortSignal }): Promise<Lease | undefined> {
    if (this.small === 'refused') throw new OverlayError('OVERLAY_STORE_UNAVAILABLE', 'asking: nobody is there');
    if (this.small === undefined) await this.#answered(options.signal);
    return this.inner.previous(hostId, options);
  }

  async acquire(request: AcquireRequest, options: AcquireOptions): Promise<OwnLease> {
    await this.#answered(options.signal);
    this.acquired.push(request);
    this.published.push(request.attributes);
    const own = await this.inner.acquire(request, options);
    return {
      state$: own.state$,
      publish: async (attributes, publishing) => {
        this.published.push(attributes);
        await own.publish(attributes, publishing);
      },
    };
  }

  resync(): void {
    this.inner.resync();
  }

  confirmedAt(): number | undefined {
    return this.#heard ? this.inner.confirmedAt() : undefined;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.inner.close();
  }

  async #answered(signal: AbortSignal): Promise<void> {
    await unlessAborted(firstValue(this.#answers, 'asking', signal), 'asking', signal);
  }
}
