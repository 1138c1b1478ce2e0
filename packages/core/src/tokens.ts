import type { Observable } from 'rxjs';
import type { BackendFactory } from './backend.js';
import type { HostState } from './host.js';
import type { Clock } from './ports/clock.js';
import type { Logger } from './ports/logger.js';
import type { Metrics } from './ports/metrics.js';
import type { SubnetManager } from './subnet-manager.js';

/** Names a dependency and remembers its type, which a bare symbol does not. */
export class Token<T> {
  /** Only for the compiler: what resolving this token gives. */
  declare readonly type: T;
  readonly symbol: symbol;

  constructor(readonly description: string) {
    // Registered symbols: two copies of this package that meet in one process mean the same thing by a name.
    this.symbol = Symbol.for(`@overlay/${description}`);
  }
}

/** The parts from which an agent is put together. */
export const TOKENS = {
  logger: new Token<Logger>('Logger'),
  clock: new Token<Clock>('Clock'),
  metrics: new Token<Metrics>('Metrics'),
  host$: new Token<Observable<HostState>>('Host'),
  subnetManager: new Token<SubnetManager>('SubnetManager'),
  backends: new Token<readonly BackendFactory[]>('Backends'),
} as const;
