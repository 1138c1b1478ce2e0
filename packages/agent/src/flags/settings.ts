import { isIP } from 'node:net';
import type { InterfaceOptions } from '@overlay/linux';
import { parseInterfaceOptions } from '@overlay/linux';
import { readCommandLine } from './command-line.js';
import { flagValues } from './given-values.js';
import { instanceName } from './instance-name.js';
import type { LeaseTimes, StoreSettings } from './store-settings.js';
import { readLeaseTimes, readStore } from './store-settings.js';
import { FLAGS } from './table.js';
import { shown, usageError } from './usage-error.js';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type LogFormat = 'text' | 'json';

/** What `overlayd` was told, with every default in its place. */
export interface Settings {
  readonly netConfigPath: string;
  readonly subnetFile: string;
  readonly interface: Readonly<InterfaceOptions>;
  readonly health: { readonly address: string; readonly port: number };
  /** Where metrics are answered, on the address of `health`; 0: nowhere. */
  readonly metricsPort: number;
  readonly store: StoreSettings;
  readonly lease: LeaseTimes;
  /** Packages or files that bring further backends. */
  readonly backendModules: readonly string[];
  readonly hostId?: string;
  readonly stateDirectory: string;
  readonly runDirectory: string;
  readonly instance: string;
  readonly sysctls: 'on' | 'off';
  readonly routeMetrics: boolean;
  /** The protocol number of our routes: 5 to 255. */
  readonly routeProtocol: number;
  readonly doubtHoldMs: number;
  readonly applyChanges: 'pending' | 'now';
  /** Milliseconds for which the network of an old configuration stays open when no peer needs it any more. */
  readonly retireMs: number;
  /** Pings a second over all peers. Absent: peers are not probed. */
  readonly probeRate?: number;
  readonly logLevel: LogLevel;
  /** Absent: as standard error is a terminal or not. */
  readonly logFormat?: LogFormat;
}

/** What the command line asks for. */
export type Request =
  | { readonly action: 'run'; readonly settings: Settings }
  | { readonly action: 'help' }
  | { readonly action: 'version' };

/**
 * Reads the command line and the environment.
 *
 * @throws OverlayError `OVERLAY_USAGE`, `OVERLAY_CONFIG_INVALID` with one line that names the flag or variable.
 */
export function readSettings(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Request {
  const given = readCommandLine(FLAGS, argv, env);
  const values = flagValues(FLAGS, given);
  const { text, list, isOn, integer, duration } = values;
  if (isOn('help')) return { action: 'help' };
  if (isOn('version')) return { action: 'version' };

  const optional = <K extends string>(key: K, name: string): Partial<Record<K, string>> => {
    const value = text(name);
    return value === '' ? {} : ({ [key]: value } as Partial<Record<K, string>>);
  };
  const options: InterfaceOptions = {
    iface: list('iface'),
    ifaceRegex: list('iface-regex'),
    ...optional('ifaceCanReach', 'iface-can-reach'),
    ...optional('publicIP', 'public-ip'),
    ...optional('publicIPv6', 'public-ipv6'),
  };
  parseInterfaceOptions(options);

  const address = text('healthz-ip');
  if (isIP(address) === 0) {
    throw usageError(`--healthz-ip: expected an IP address of this host, got ${shown(address)}`, '--healthz-ip');
  }
  const instance = instanceName(text('instance'));
  const hostId = text('host-id') || env['NODE_NAME'] || undefined;
  if (hostId !== undefined && hostId.length > 256) {
    throw usageError(`--host-id: expected 1 to 256 characters, got ${hostId.length}`, '--host-id');
  }
  const format = text('log-format');
  const level = given.has('log-level') || integer('v') === 0 ? text('log-level') : 'debug';
  return {
    action: 'run',
    settings: {
      netConfigPath: notEmpty('net-config-path', text('net-config-path')),
      subnetFile: notEmpty('subnet-file', text('subnet-file')),
      interface: options,
      health: { address, port: integer('healthz-port') },
      metricsPort: integer('metrics-port'),
      store: readStore(values, env),
      lease: readLeaseTimes(values),
      backendModules: list('backend-module'),
      ...(hostId === undefined ? {} : { hostId }),
      stateDirectory: notEmpty('state-dir', text('state-dir')),
      runDirectory: notEmpty('run-dir', text('run-dir')),
      instance,
      sysctls: text('sysctls') === 'off' ? 'off' : 'on',
      routeMetrics: text('route-metric') === 'on',
      routeProtocol: readRouteProtocol(integer('route-protocol')),
      doubtHoldMs: duration('doubt-hold'),
      applyChanges: text('apply-changes') === 'now' ? 'now' : 'pending',
      retireMs: duration('retire-after'),
      ...(integer('probe') === 0 ? {} : { probeRate: integer('probe') }),
      logLevel: level as LogLevel,
      ...(format === 'auto' ? {} : { logFormat: format as LogFormat }),
    },
  };
}

/** Routes of the first numbers (linux/rtnetlink.h) are redirects, the kernel's own, those of `ip route` and static ones. */
function readRouteProtocol(number: number): number {
  if (number > 4) return number;
  throw usageError(
    `--route-protocol: ${number} is what the kernel or ip route marks routes with, which are not ours to remove; take 5 to ` +
      '255, one that nobody else here uses (/etc/iproute2/rt_protos)',
    '--route-protocol',
  );
}

function notEmpty(name: string, path: string): string {
  if (path !== '') return path;
  throw usageError(`--${name}: expected a path, got an empty text`, `--${name}`);
}
