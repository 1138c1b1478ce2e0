import type { Lease } from '../lease.js';
import { FAMILIES } from '../lease.js';
import { quoted } from '../quoted.js';

/** The most endpoints of one host: one change of the backend at a time makes two. */
const MOST = 8;
const ID = /^[\x21-\x7e]{1,128}$/;
/** The form of a backend's name, as in net-conf.json; empty for those that publish none. */
const TYPE = /^(?:[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?)?$/;

/** A lease without what cannot be used of its endpoints, and what that was. */
export interface UsableEndpoints {
  /** The same object when nothing is wrong. */
  readonly lease: Lease;
  /** In one line. */
  readonly problem?: string;
}

/**
 * Takes away those of a lease's endpoints that cannot be used; nobody has checked them. The lease itself is none the
 * worse for it: its primary endpoint counts. The address has to be the primary one's, so that everything that holds a
 * lease because of its address holds its endpoints too.
 */
export function usableEndpoints(lease: Lease): UsableEndpoints {
  const attributes: unknown = lease.attributes;
  if (!isObject(attributes) || attributes['endpoints'] === undefined) return { lease };
  const { endpoints, ...primary } = attributes;
  if (!Array.isArray(endpoints)) return without(lease, primary, 'its endpoints are no list');
  if (endpoints.length > MOST)
    return without(lease, primary, `it has ${endpoints.length} endpoints, more than ${MOST}`);
  const ids = new Set<unknown>();
  const usable: unknown[] = [];
  const problems: string[] = [];
  for (const endpoint of endpoints as unknown[]) {
    const problem = problemOf(endpoint, primary, ids);
    if (problem === undefined) usable.push(endpoint);
    else problems.push(problem);
    if (isObject(endpoint)) ids.add(endpoint['id']);
  }
  if (problems.length === 0 && usable.length > 0) return { lease };
  const problem = problems.length === 0 ? 'its list of endpoints is empty' : problems.join('; ');
  return without(lease, usable.length === 0 ? primary : { ...primary, endpoints: usable }, problem);
}

function without(lease: Lease, attributes: Record<string, unknown>, problem: string): UsableEndpoints {
  return { lease: { ...lease, attributes: attributes as unknown as Lease['attributes'] }, problem };
}

function problemOf(
  endpoint: unknown,
  primary: Readonly<Record<string, unknown>>,
  ids: ReadonlySet<unknown>,
): string | undefined {
  if (!isObject(endpoint)) return 'an endpoint is no object';
  const { id, backendType } = endpoint;
  if (typeof id !== 'string' || !ID.test(id)) return `an endpoint has no usable id, but ${shown(id)}`;
  if (ids.has(id)) return `endpoint ${quoted(id)} is there twice`;
  if (typeof backendType !== 'string' || !TYPE.test(backendType)) {
    return `endpoint ${quoted(id)} has no usable backend type, but ${shown(backendType)}`;
  }
  let families = 0;
  for (const family of FAMILIES) {
    const part = endpoint[family];
    if (part === undefined) continue;
    families++;
    const own = primary[family];
    const address = isObject(part) ? part['publicIP'] : undefined;
    if (typeof address !== 'string' || !isObject(own) || own['publicIP'] !== address) {
      return `endpoint ${quoted(id)} has another ${family} address, ${shown(address)}, than the lease`;
    }
  }
  return families === 0 ? `endpoint ${quoted(id)} has no address` : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Anything but a text is named by its type: it may be as large as one likes. */
function shown(value: unknown): string {
  return typeof value === 'string' ? quoted(value) : value === null ? 'null' : `something of type ${typeof value}`;
}
