import type { Backend, BackendFactory, BackendInit } from '../backend.js';
import { OverlayError } from '../errors.js';
import type { NetConf } from '../net-conf/index.js';
import { quoted } from '../quoted.js';

/** A configuration that can be used, with a backend made for it. */
export interface Plan {
  readonly netConf: NetConf;
  readonly backend: Backend;
}

/**
 * Finds the backend that a configuration asks for and makes it; nothing is touched.
 *
 * @throws OverlayError `OVERLAY_BACKEND_UNKNOWN` when no factory makes that type, `OVERLAY_NOT_SUPPORTED` when it cannot
 *   carry the families that are enabled, `OVERLAY_CONFIG_INVALID` when an option is wrong.
 */
export function makePlan(factories: readonly BackendFactory[], init: BackendInit): Plan {
  const { netConf } = init;
  const { type } = netConf.backend;
  const factory = factories.find((candidate) => candidate.type === type);
  if (factory === undefined) {
    const known = factories.map((candidate) => candidate.type).sort();
    throw new OverlayError(
      'OVERLAY_BACKEND_UNKNOWN',
      `net-conf.json: Backend.Type: expected ${
        known.length === 0 ? 'a backend, but this agent has none' : `one of ${known.join(', ')}, which this agent has`
      }, got ${quoted(type)}; choose one of them, or give the agent the package that brings ${quoted(type)} ` +
        '(overlayd: --backend-module=<package>)',
      { key: 'Backend.Type' },
    );
  }
  checkFamilies(factory, netConf);
  return { netConf, backend: factory.create(init) };
}

function checkFamilies({ type, supports }: BackendFactory, { ipv4, ipv6 }: NetConf): void {
  if (ipv4 && !supports.ipv4) throw unsupported(type, 'IPv4', 'EnableIPv4', 'switch it off');
  if (ipv6 && !supports.ipv6) throw unsupported(type, 'IPv6', 'EnableIPv6', 'switch it off');
  if (ipv4 && ipv6 && !supports.dualStack) {
    throw unsupported(type, 'IPv4 and IPv6 at once', 'EnableIPv6', 'switch off one of EnableIPv4 and EnableIPv6');
  }
}

function unsupported(type: string, what: string, key: string, remedy: string): OverlayError {
  return new OverlayError(
    'OVERLAY_NOT_SUPPORTED',
    `net-conf.json: ${key}: backend ${type} does not carry ${what}; ${remedy}, or choose another Backend.Type`,
    { key },
  );
}
