import type { Backend } from './backend.js';
import type { BackendEndpoint, Endpoint, Lease, LeaseAttributes, PerFamily } from './lease.js';
import { FAMILIES } from './lease.js';
import { sameValue } from './lease-table/same-lease.js';

/** What two hosts with this backend must have in common. See {@link Backend.endpointId}. */
export function endpointIdOf(backend: Backend): string {
  return backend.endpointId ?? backend.type;
}

/**
 * A lease as it looks to one backend: with the endpoint that it publishes for it as its attributes. The lease itself when
 * that is all it publishes; undefined when it does not publish one.
 */
export function leaseAs(lease: Lease, backend: Backend): Lease | undefined {
  const { attributes } = lease;
  if (attributes.endpoints === undefined) return understands(backend, attributes) ? lease : undefined;
  const id = endpointIdOf(backend);
  const endpoint = attributes.endpoints.find((candidate) => candidate.id === id);
  if (endpoint !== undefined) return { ...lease, attributes: attributesOf(endpoint, lease) };
  // The primary is among them as a rule, with an id of its own, which is then another one than ours.
  const { endpoints, ...primary } = attributes;
  const known = endpoints.some((candidate) => sameValue(primary, attributesOf(candidate, lease)));
  return !known && understands(backend, primary) ? { ...lease, attributes: primary } : undefined;
}

/** Whether the primary endpoint of a lease is that of a backend. */
export function leadsWith(lease: Lease, backend: Backend): boolean {
  const { endpoints = [], ...primary } = lease.attributes;
  const known = endpoints.find((endpoint) => sameValue(primary, attributesOf(endpoint, lease)));
  return known === undefined ? understands(backend, primary) : known.id === endpointIdOf(backend);
}

/** What a host publishes that can be reached by several backends, the first of `endpoints` being its favourite. */
export function attributesWith(primary: LeaseAttributes, endpoints: readonly BackendEndpoint[]): LeaseAttributes {
  return endpoints.length > 1 ? { ...primary, endpoints } : primary;
}

/** What one backend publishes, as one of several endpoints. */
export function endpointFor(backend: Backend, { backendType, ipv4, ipv6 }: LeaseAttributes): BackendEndpoint {
  return { id: endpointIdOf(backend), backendType, ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
}

function understands(backend: Backend, attributes: LeaseAttributes): boolean {
  return backend.understands?.(attributes) ?? attributes.backendType === backend.type;
}

/** Only of the families that stand: a lease may have been reduced to one of them. */
function attributesOf(endpoint: BackendEndpoint, { subnets }: Lease): LeaseAttributes {
  const present: { ipv4?: Endpoint; ipv6?: Endpoint } = {};
  const families: PerFamily<Endpoint> = endpoint;
  for (const family of FAMILIES) {
    const value = families[family];
    if (value !== undefined && subnets[family] !== undefined) present[family] = value;
  }
  return { backendType: endpoint.backendType, ...present };
}
