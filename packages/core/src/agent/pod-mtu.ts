import type { Address, Prefix } from '../address/index.js';
import type { Finding } from '../backend.js';
import { errorText } from '../errors.js';
import type { PerFamily } from '../lease.js';
import type { Clock } from '../ports/clock.js';
import type { ChangeLog } from './change-log.js';

/** A pod's interface, as this host can see it. */
export interface PodInterface {
  /** This host's end of it: `veth1a2b3c`. */
  readonly name: string;
  /** The pod's address inside this host's subnets; absent where nobody may look into its network namespace. */
  readonly address?: Address;
  /** Bytes of the largest packet that the pod sends by it. */
  readonly mtu: number;
}

/** Finds the interfaces of the pods that have an address inside one of these subnets of this host. */
export type FindPodInterfaces = (
  subnets: PerFamily<Prefix>,
  options: { readonly signal: AbortSignal },
) => Promise<readonly PodInterface[]>;

/** What a {@link PodMtu} works with, and whom it tells. */
export interface PodMtuContext {
  readonly clock: Clock;
  readonly log: ChangeLog;
  /** Without it one can only tell that there may be such pods. */
  readonly podInterfaces: FindPodInterfaces | undefined;
  /** The findings are others. */
  changed(): void;
}

/** How long a start or a change of the MTU rests before pods are looked at: looking is not to delay it. Milliseconds. */
const REST_MS = 250;

/**
 * How often pods are looked at while some have too large an MTU, and once more after it was lowered, since a pod may have
 * been started with the old subnet.env in that moment. Milliseconds.
 */
const AGAIN_MS = 30_000;

/** The most pods that are named. */
const NAMED = 10;

/**
 * Tells which pods of this host have a larger MTU than the network has left for them. Their interfaces are not the
 * agent's to change, so all it does is to say so.
 */
export class PodMtu {
  readonly #context: PodMtuContext;
  readonly #ending = new AbortController();
  /** The largest MTU that pods may have been started with. */
  #largest: number | undefined;
  #present: number | undefined;
  #subnets: PerFamily<Prefix> = {};
  /** The pods above the present MTU; undefined until they have been looked at. */
  #above: readonly PodInterface[] | undefined;
  #cancelLook: (() => void) | undefined;

  constructor(context: PodMtuContext) {
    this.#context = context;
  }

  /** Takes in what `subnet.env` said in the run before. */
  recorded(mtu: number | undefined): void {
    if (mtu === undefined || mtu === 0) return;
    this.#largest = Math.max(mtu, this.#largest ?? 0);
  }

  /** Takes in what `subnet.env` says from now on. */
  follow(mtu: number, subnets: PerFamily<Prefix>): void {
    const { ipv4, ipv6 } = this.#subnets;
    if (mtu === 0 || (mtu === this.#present && ipv4 === subnets.ipv4 && ipv6 === subnets.ipv6)) return;
    this.recorded(mtu);
    this.#present = mtu;
    this.#subnets = subnets;
    this.#above = undefined;
    this.#planLook(REST_MS);
  }

  /** At most one: that pods have a larger MTU, or may have. */
  findings(): readonly Finding[] {
    const present = this.#present;
    const largest = this.#largest;
    if (present === undefined || largest === undefined) return [];
    const remedy = `restart the pods of this host, or set the MTU of their interfaces to ${present}`;
    if (this.#above !== undefined) {
      if (this.#above.length === 0) return [];
      return [{ level: 'warning', check: 'mtu-lowered', message: aboveText(this.#above, present), remedy }];
    }
    if (present >= largest) return [];
    const message = `the MTU of pods was lowered from ${largest} to ${present}, and pods that were started before may still have ${largest}`;
    return [{ level: 'warning', check: 'mtu-lowered', message, remedy }];
  }

  close(): void {
    this.#cancelLook?.();
    this.#ending.abort();
  }

  #planLook(delayMs: number): void {
    this.#cancelLook?.();
    const { podInterfaces, clock } = this.#context;
    if (podInterfaces === undefined || this.#ending.signal.aborted) return;
    this.#cancelLook = clock.after(delayMs, () => void this.#look(podInterfaces));
  }

  async #look(podInterfaces: FindPodInterfaces): Promise<void> {
    const { signal } = this.#ending;
    const { log } = this.#context;
    const mtu = this.#present ?? 0;
    const subnets = this.#subnets;
    const isFirst = this.#above === undefined;
    let found: readonly PodInterface[];
    try {
      found = await podInterfaces(subnets, { signal });
      log.over('pods', 'the interfaces of pods can be read again');
    } catch (error) {
      if (signal.aborted) return;
      log.warn('pods', `reading the MTU of pods: ${errorText(error)}; trying again`);
      this.#planLook(AGAIN_MS);
      return;
    }
    if (signal.aborted || mtu !== this.#present || subnets !== this.#subnets) return;
    const before = this.#above;
    this.#above = found.filter((pod) => pod.mtu > mtu);
    if (this.#above.length === 0) log.over('pod-mtu', `no pod has an MTU above ${mtu} any more`);
    // A line for an MTU, not for each pod that is restarted.
    else if (isFirst) log.warn('pod-mtu', `${aboveText(this.#above, mtu)}; packets of that size may be lost`);
    const lowered = mtu < (this.#largest ?? mtu);
    if (this.#above.length > 0 || (isFirst && lowered)) this.#planLook(AGAIN_MS);
    else this.#largest = mtu;
    if (JSON.stringify(before) !== JSON.stringify(this.#above)) this.#context.changed();
  }
}

function aboveText(above: readonly PodInterface[], mtu: number): string {
  const some = above.slice(0, NAMED).map((pod) => `${pod.address ?? 'a pod'} (${pod.name}, ${pod.mtu})`);
  const more = above.length > NAMED ? ` and ${above.length - NAMED} more` : '';
  const [pods, have] = above.length === 1 ? ['pod', 'has'] : ['pods', 'have'];
  return `${above.length} ${pods} of this host ${have} an MTU above the ${mtu} that the network has left: ${some.join(', ')}${more}`;
}
