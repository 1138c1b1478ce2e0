import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { OverlayError } from '@overlay/core';

/** An error number that the kernel gave, with its name. */
export class KernelError extends OverlayError {
  override readonly name: string = 'KernelError';
  /** Positive, as in errno(3). */
  readonly errno: number;
  /** `EEXIST`; `E<number>` for one without a name. */
  readonly errnoName: string;

  constructor(code: string, message: string, errno: number, cause?: unknown) {
    super(code, message, { cause });
    this.errno = errno;
    this.errnoName = errnoName(errno);
  }
}

/**
 * A netlink request that the kernel did not fulfil.
 *
 * Codes: `OVERLAY_NETLINK` the kernel refused; `OVERLAY_NETLINK_OVERFLOW` answers were lost, so that the outcome is not
 * known; `OVERLAY_NETLINK_INTERRUPTED` a dump was disturbed by changes ten times in a row.
 */
export class NetlinkError extends KernelError {
  override readonly name: string = 'NetlinkError';
  /** What was attempted: `adding route 10.1.0.0/24 via 10.1.0.0 dev #5`. */
  readonly attempted: string;
  /** The kernel's own words (extended acknowledgement), when it had some: `Nexthop has invalid gateway`. */
  readonly kernelText?: string;
  /** The byte of the message that the kernel complains about, from its header on. */
  readonly offset?: number;

  constructor(attempted: string, errno: number, kernelText?: string, offset?: number) {
    super(codeOf(errno), messageOf(attempted, errno, kernelText), errno);
    this.attempted = attempted;
    if (kernelText !== undefined) this.kernelText = kernelText;
    if (offset !== undefined && offset >= 0) this.offset = offset;
  }
}

const EINTR = 4;
const ENOBUFS = 105;
/** Numbers whose kernel name the list of Node lacks, or has another name for: ENOTSUPP is let out by some drivers. */
const KERNEL_NAMES: Readonly<Record<number, string>> = { 95: 'EOPNOTSUPP', 524: 'ENOTSUPP' };

function codeOf(errno: number): string {
  if (errno === ENOBUFS) return 'OVERLAY_NETLINK_OVERFLOW';
  return errno === EINTR ? 'OVERLAY_NETLINK_INTERRUPTED' : 'OVERLAY_NETLINK';
}

/** The symbol of an error number: `EEXIST`; `E<number>` when it has none. */
export function errnoName(errno: number): string {
  const kernelName = KERNEL_NAMES[errno];
  if (kernelName !== undefined) return kernelName;
  for (const [name, value] of Object.entries(constants.errno)) if (value === errno) return name;
  return `E${errno}`;
}

/** The number of a symbol such as `EEXIST`, or undefined. */
export function errnoNumber(name: string): number | undefined {
  return (constants.errno as Record<string, number>)[name];
}

/** What some errors mean here, where the usual words mislead ("no such process" for a route). */
const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'it is there already',
  ENOENT: 'it is not there',
  ESRCH: 'it is not there',
  EADDRNOTAVAIL: 'the address is not there',
  EOPNOTSUPP: 'not supported',
};

/** What can be done about some errors, in words. */
const REMEDIES: Readonly<Record<string, string>> = {
  EPERM: 'run as root, or with CAP_NET_ADMIN in this network namespace',
  EACCES: 'run as root, or with CAP_NET_ADMIN in this network namespace',
  EOPNOTSUPP: 'this kernel does not support it; check that the module is available',
  ENODEV: 'it may have been deleted meanwhile',
  ENOBUFS: 'answers of the kernel were lost, so the outcome is not known; read the state again',
  EINTR: 'the tables change faster than they can be read; try again',
  ENETDOWN: 'set the device up first',
};

function messageOf(attempted: string, errno: number, kernelText: string | undefined): string {
  const name = errnoName(errno);
  const reason = REASONS[name] ?? getSystemErrorMap().get(-errno)?.[1] ?? 'refused by the kernel';
  const detail = kernelText === undefined ? '' : `: ${kernelText}`;
  const remedy = REMEDIES[name] === undefined ? '' : `; ${REMEDIES[name]}`;
  return `${attempted}: ${reason} (${name})${detail}${remedy}`;
}

/** Turns what the addon throws (`errno`, `syscall`) into a {@link KernelError}; other errors come back as they are. */
export function kernelError(code: string, attempted: string, error: unknown): unknown {
  // No instanceof: an addon loaded from another realm makes errors of that realm.
  if (typeof error !== 'object' || error === null) return error;
  const { errno, message } = error as { errno?: unknown; message?: unknown };
  if (typeof errno !== 'number') return error;
  const remedy = REMEDIES[errnoName(errno)];
  return new KernelError(
    code,
    `${attempted}: ${String(message)} (${errnoName(errno)})${remedy ? `; ${remedy}` : ''}`,
    errno,
    error,
  );
}
