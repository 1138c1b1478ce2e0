import { isDeepStrictEqual } from 'node:util';
import type { Endpoint, Family, JsonValue, Lease, LeaseAttributes, PerFamily, Prefix } from '@overlay/core';
import { FAMILIES, tryParseAddress, tryParsePrefix } from '@overlay/core';
import { SUFFIXES } from './annotation-names.js';
import { NAMES } from './annotations.js';
import type { NodeFacts } from './node-facts.js';

/** What a Node says as a lease. */
export interface NodeLease {
  /** Undefined when no host of ours or of flannel's has it, or nothing of it can be used. */
  readonly lease?: Lease;
  /** What of it is wrong, in one phrase. A part that is wrong costs that part. */
  readonly problem?: string;
}

/** Reads a Node as a lease. A family counts when its annotation has an address and `podCIDRs` has a subnet of it. */
export function nodeLease(node: NodeFacts): NodeLease {
  const { annotations, name } = node;
  if (annotations.get(SUFFIXES.managed) !== 'true') return {};
  const subnets: { ipv4?: Prefix; ipv6?: Prefix } = {};
  const endpoints: { ipv4?: Endpoint; ipv6?: Endpoint } = {};
  const problems: string[] = [];
  for (const family of FAMILIES) {
    const endpoint = readEndpoint(annotations, family);
    if (endpoint === undefined) continue;
    if (typeof endpoint === 'string') {
      problems.push(endpoint);
      continue;
    }
    const subnet = podCIDR(node, family);
    if (subnet === undefined) {
      problems.push(`it publishes an ${NAMES[family]} address and has no ${NAMES[family]} podCIDR`);
      continue;
    }
    subnets[family] = subnet;
    endpoints[family] = endpoint;
  }
  const problem = problems.length === 0 ? undefined : problems.join('; ');
  if (subnets.ipv4 === undefined && subnets.ipv6 === undefined) return { ...(problem !== undefined && { problem }) };
  const primary = { backendType: annotations.get(SUFFIXES.backendType) ?? '', ...endpoints };
  const lease = { key: name, subnets, attributes: withEndpoints(primary, annotations.get(SUFFIXES.endpoints)) };
  return { lease, ...(problem !== undefined && { problem }) };
}

/** The first subnet of a family that a Node has been given. */
export function podCIDR({ podCIDRs }: NodeFacts, family: Family): Prefix | undefined {
  for (const text of podCIDRs) {
    const prefix = tryParsePrefix(text, family);
    if (prefix !== undefined) return prefix;
  }
  return undefined;
}

/** The subnets of the wanted families; nothing for a family in which none has been given. */
export function podCIDRsOf(node: NodeFacts, wanted: PerFamily<unknown>): PerFamily<Prefix> {
  const subnets: { ipv4?: Prefix; ipv6?: Prefix } = {};
  for (const family of FAMILIES) {
    const subnet = wanted[family] === undefined ? undefined : podCIDR(node, family);
    if (subnet !== undefined) subnets[family] = subnet;
  }
  return subnets;
}

/** Undefined when the Node has none in this family; a text says what is wrong with it. */
function readEndpoint(annotations: ReadonlyMap<string, string>, family: Family): Endpoint | string | undefined {
  const text = annotations.get(SUFFIXES.publicIP[family]);
  if (text === undefined) return undefined;
  const publicIP = tryParseAddress(text, family);
  if (publicIP === undefined) return `${SUFFIXES.publicIP[family]} is no ${NAMES[family]} address`;
  // What flannel writes for a host without one.
  if (publicIP === '0.0.0.0' || publicIP === '::') return undefined;
  const data = readJson(annotations.get(SUFFIXES.data[family]));
  if (data === null) return { publicIP };
  return data === undefined ? `${SUFFIXES.data[family]} is not JSON` : { publicIP, data };
}

/** Null also for no text, which is what backends without data have; undefined when it is not JSON. */
function readJson(text = ''): JsonValue | undefined {
  if (text === '') return null;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/**
 * Adds the list of all endpoints, unless it does not go with flannel's annotations: flanneld, which does not know of it,
 * has then taken the host over. What else may be wrong with it is judged by the lease table, as for every lease.
 */
function withEndpoints(primary: LeaseAttributes, text: string | undefined): LeaseAttributes {
  const endpoints = readJson(text);
  if (!Array.isArray(endpoints)) return primary;
  const { backendType, ipv4, ipv6 } = primary;
  const known = (endpoints as readonly unknown[]).some((endpoint) => {
    if (typeof endpoint !== 'object' || endpoint === null) return false;
    const { id, ...candidate } = endpoint as { readonly id?: unknown };
    return (
      id !== undefined && isDeepStrictEqual(candidate, { backendType, ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) })
    );
  });
  return known ? { ...primary, endpoints: endpoints } : primary;
}
