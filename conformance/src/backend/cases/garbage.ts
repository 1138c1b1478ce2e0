import type { JsonValue, Lease } from '@overlay/core';
import { FAMILIES } from '@overlay/core';

/** What somebody who may write to the store might put there instead of a backend's data. */
export const GARBAGE: readonly JsonValue[] = [
  null,
  true,
  1e300,
  'x'.repeat(10_000),
  '; rm -rf /',
  [],
  [[[]]],
  {},
  { VNI: 'one', VtepMAC: 7, Port: -1, Channel: '1', PublicKey: {} },
  { VNI: 1, VtepMAC: 'ff:ff:ff:ff:ff:ff', Port: 65_536, Channel: 1e9, PublicKey: '' },
  { __proto__: null, constructor: 'x', toString: 1 },
];

/** A lease that publishes other data in each family. */
export function withData(lease: Lease, data: JsonValue): Lease {
  const endpoints = FAMILIES.flatMap((family) => {
    const endpoint = lease.attributes[family];
    return endpoint === undefined ? [] : [[family, { publicIP: endpoint.publicIP, data }] as const];
  });
  return { ...lease, attributes: { ...lease.attributes, ...Object.fromEntries(endpoints) } };
}
