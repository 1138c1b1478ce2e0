import type { Clock, Logger } from '@overlay/core';
import { errorText } from '@overlay/core';
import { Backoff, Patience, wait } from '@overlay/core/store';
import type { Subscription } from 'rxjs';
import type { NodeApi } from '../node/node-api.js';
import type { NodeFacts } from '../node/node-facts.js';
import type { NodeView } from '../view/node-view.js';
import { rfc3339 } from './node-events.js';

/** Whether pods of this host can be reached. */
export type NetworkReport = { readonly available: true } | { readonly available: false; readonly message: string };

export interface NetworkConditionOptions {
  readonly api: NodeApi;
  readonly view: NodeView;
  readonly clock: Clock;
  readonly logger: Logger;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

/**
 * Keeps the Node's condition NetworkUnavailable true to what it was told last: when the writing fails, when somebody
 * else writes it, when the Node is made anew.
 */
export class NetworkCondition {
  readonly #options: NetworkConditionOptions;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
  readonly #patience: Patience;
  #report: NetworkReport | undefined;
  #subscription: Subscription | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #failed = false;

  constructor(options: NetworkConditionOptions) {
    this.#options = options;
    this.#patience = new Patience(options.clock);
  }

  report(report: NetworkReport): void {
    if (this.#closing.signal.aborted) return;
    this.#report = report;
    this.#options.view.start();
    this.#subscription ??= this.#options.view.own.subscribe(() => this.#look());
    this.#look();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#subscription?.unsubscribe();
    await this.#running;
  }

  #look(): void {
    if (this.#closing.signal.aborted || this.#wrong() === undefined) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#again) this.#look();
    });
  }

  /** The Node, if its condition is not what it should be. */
  #wrong(): NodeFacts | undefined {
    const node = this.#options.view.own.value;
    if (this.#report === undefined || node === undefined || node === 'absent') return undefined;
    return node.networkUnavailable?.status === statusFor(this.#report) ? undefined : node;
  }

  async #run(): Promise<void> {
    const { api, view, clock, logger } = this.#options;
    const { signal } = this.#closing;
    while (this.#again && !signal.aborted) {
      this.#again = false;
      try {
        await wait(clock, this.#patience.next(), 'setting a condition', signal);
        const [node, report] = [this.#wrong(), this.#report];
        if (node === undefined || report === undefined) continue;
        const what = `setting NetworkUnavailable of Node ${node.name}`;
        view.learn(await api.setCondition(node.name, conditionFor(report, clock.now()), { what, signal }));
        this.#backoff.reset();
        if (this.#failed) logger.info(`Node ${node.name}: NetworkUnavailable is set`);
        this.#failed = false;
        // It may have been reported otherwise meanwhile.
        this.#again ||= this.#wrong() !== undefined;
      } catch (error) {
        if (signal.aborted) return;
        if (!this.#failed) logger.warn(`${errorText(error)}; trying again`);
        this.#failed = true;
        this.#again = true;
        await wait(clock, this.#backoff.next(), 'setting a condition', signal).catch(() => undefined);
      }
    }
  }
}

function statusFor(report: NetworkReport): 'True' | 'False' {
  return report.available ? 'False' : 'True';
}

function conditionFor(report: NetworkReport, now: number): Parameters<NodeApi['setCondition']>[1] {
  const at = rfc3339(now);
  // In flannel's words where flannel has some: there are scripts that look for them.
  const [reason, message] = report.available
    ? ['FlannelIsUp', 'Flannel is running on this node']
    : ['OverlayIsNotReady', report.message];
  return {
    type: 'NetworkUnavailable',
    status: statusFor(report),
    lastHeartbeatTime: at,
    lastTransitionTime: at,
    reason,
    message,
  };
}
