import { NetlinkError } from '../error.js';

/** What a lookup answers when there is no route, or one that refuses (fib_props in net/ipv4/fib_semantics.c). */
const NO_WAY = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EINVAL', 'EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/** Whether the error of a lookup is its answer: there is no way. With any other error nothing is known. */
export function saysNoWay(error: unknown): error is NetlinkError {
  return error instanceof NetlinkError && NO_WAY.has(error.errnoName);
}
