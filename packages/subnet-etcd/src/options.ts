import type { Clock, Logger } from '@overlay/core';
import { OverlayError, silentLogger, systemClock } from '@overlay/core';
import type { Endpoint } from './client/endpoint.js';
import { parseEndpoint } from './client/endpoint.js';
import type { EtcdConnections } from './client/etcd-connections.js';
import type { Password } from './client/password.js';
import type { TlsFiles } from './client/tls-files.js';
import type { User } from './client/token.js';

/** What an {@link EtcdSubnetManager} works with. Milliseconds and seconds are whole or not, as one likes. */
export interface EtcdSubnetManagerOptions {
  /** Members of one etcd cluster: `http://192.0.2.1:2379`, `https://etcd.example:2379`. At least one. */
  readonly endpoints: readonly string[];
  /** What all keys begin with. `/coreos.com/network` unless told, as flannel's. */
  readonly prefix?: string;
  /** For `https` endpoints. The files are read again when they change, and whenever a connection fails. */
  readonly tls?: TlsFiles;
  readonly username?: string;
  /** Read each time a token is needed. */
  readonly password?: Password;
  /** Seconds for which a lease is taken and renewed. At least 5; 86,400 unless told, as flannel's. */
  readonly ttlSeconds?: number;
  /**
   * Milliseconds before its end by which a lease is renewed at the latest: less than `ttlSeconds`, 0 unless told. It is
   * renewed after a third of its time, and after an hour, anyway.
   */
  readonly renewMarginMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /**
   * Milliseconds for which nothing may be heard of a question to etcd, three times as many for lists and transactions; then
   * it counts as lost. 5 s unless told. As long as answers take longer, twice as long with each one, up to four times.
   */
  readonly timeoutMs?: number;
  /**
   * Milliseconds between two signs of life of the watch, events or answers to a question of ours. 30 s unless told. One
   * that then stays silent for as long as a question may (`timeoutMs`) is given up for another member.
   */
  readonly confirmMs?: number;
  /** Milliseconds between two looks at the certificate files. 30 s unless told. */
  readonly certificateMs?: number;
  /** To share connections with the other managers that are given the same; each has its own unless told. */
  readonly connections?: EtcdConnections;
}

/** The options with their defaults. */
export interface CompleteOptions {
  readonly endpoints: readonly Endpoint[];
  readonly prefix: string;
  readonly tls: TlsFiles;
  readonly user?: User;
  readonly ttlSeconds: number;
  readonly renewMarginMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timeoutMs: number;
  readonly confirmMs: number;
  readonly certificateMs: number;
  readonly connections?: EtcdConnections;
}

/** @throws OverlayError `OVERLAY_OPTION_INVALID` with the `key` that is wrong */
export function completeOptions(options: EtcdSubnetManagerOptions): CompleteOptions {
  const { prefix = '/coreos.com/network', tls = {}, username, password, ttlSeconds = 86_400 } = options;
  const { timeoutMs = 5_000, confirmMs = 30_000, certificateMs = 30_000, renewMarginMs = 0 } = options;
  const { clock = systemClock, logger = silentLogger, connections } = options;
  if (options.endpoints.length === 0) throw invalid('endpoints', 'at least one', options.endpoints);
  const anyTls = tls.ca !== undefined || tls.cert !== undefined;
  const endpoints = options.endpoints.map((text) => parseEndpoint(text, anyTls));
  if (!/[^/]/.test(prefix)) throw invalid('prefix', 'a path such as /coreos.com/network', prefix);
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw invalid('tls', 'both a certificate and its key, or neither', { cert: tls.cert, key: tls.key });
  }
  if (username !== undefined && password === undefined) throw invalid('password', 'one for the user', undefined);
  // The least that a default etcd grants is a second or two more than its election timeout.
  atLeast('ttlSeconds', ttlSeconds, 5);
  atLeast('renewMarginMs', renewMarginMs, 0);
  if (renewMarginMs >= ttlSeconds * 1000) {
    throw invalid('renewMarginMs', `less than ttlSeconds, which is ${ttlSeconds}`, renewMarginMs);
  }
  atLeast('timeoutMs', timeoutMs, 100);
  atLeast('confirmMs', confirmMs, 100);
  atLeast('certificateMs', certificateMs, 100);
  const user = username !== undefined && password !== undefined ? { username, password } : undefined;
  return {
    ...{ endpoints, prefix, tls, clock, logger, timeoutMs, confirmMs, certificateMs },
    ttlSeconds: Math.round(ttlSeconds),
    renewMarginMs,
    ...(user && { user }),
    ...(connections && { connections }),
  };
}

function atLeast(key: string, value: number, least: number): void {
  if (!(Number.isFinite(value) && value >= least)) throw invalid(key, `a number of at least ${least}`, value);
}

function invalid(key: string, expected: string, got: unknown): OverlayError {
  const text = `EtcdSubnetManager: ${key}: expected ${expected}, got ${JSON.stringify(got) ?? 'nothing'}`;
  return new OverlayError('OVERLAY_OPTION_INVALID', text, { key });
}
