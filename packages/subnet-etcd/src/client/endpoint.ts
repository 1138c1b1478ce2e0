import { isIPv6 } from 'node:net';
import { OverlayError } from '@overlay/core';

/** Where one member of etcd listens for clients. */
export interface Endpoint {
  /** As it was given, for messages. */
  readonly text: string;
  /** A name, or an address without brackets. */
  readonly host: string;
  /** Host and port as in a URL: an IPv6 address in brackets. */
  readonly authority: string;
  readonly secure: boolean;
}

const DEFAULT_PORT = '2379';

/**
 * Reads `http://192.0.2.1:2379`, `https://etcd.example:2379`, `[fd00::1]:2379`. Without a scheme, TLS is used when files
 * for it are given. Without a port it is 2379.
 *
 * @throws OverlayError `OVERLAY_OPTION_INVALID`
 */
export function parseEndpoint(text: string, tlsGiven: boolean): Endpoint {
  const scheme = /^[a-z+.-]+(?=:\/\/)/.exec(text)?.[0];
  const rest = scheme === undefined ? text : text.slice(scheme.length + 3);
  const host = /^(?:\[([0-9a-fA-F:.]+)\]|([^/:[\]?#@\s]+))(?::([0-9]{1,5}))?\/?$/.exec(rest);
  const name = host?.[1] ?? host?.[2] ?? '';
  const port = host?.[3] ?? DEFAULT_PORT;
  const known = scheme === undefined || scheme === 'http' || scheme === 'https';
  if (!known || name === '' || (host?.[1] !== undefined && !isIPv6(name)) || Number(port) < 1 || Number(port) > 65535) {
    throw new OverlayError(
      'OVERLAY_OPTION_INVALID',
      `endpoints: expected http://HOST:PORT or https://HOST:PORT, got ${JSON.stringify(text)}`,
      { key: 'endpoints' },
    );
  }
  const authority = `${isIPv6(name) ? `[${name}]` : name}:${port}`;
  return { text, host: name, authority, secure: scheme === undefined ? tlsGiven : scheme === 'https' };
}
