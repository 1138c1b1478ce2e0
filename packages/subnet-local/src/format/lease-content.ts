import type { JsonObject, JsonValue, LeaseAttributes } from '@overlay/core';
import { formatLeaseValue, parseLeaseValue } from '@overlay/core';
import { isHostId } from '@overlay/core/store';

/** What a lease's file says. The subnets are in its name. */
export interface LeaseContent {
  readonly attributes: LeaseAttributes;
  /** The host that holds it. Absent in a file that a person wrote as a reservation for a public IP. */
  readonly hostId?: string;
  /** Milliseconds since the Unix epoch; absent for a reservation. */
  readonly expiresAt?: number;
}

/** The text of a lease's file: flannel's value, then our own `HostID` and `Expires`, which Go's decoder passes over. */
export function encodeLease({ attributes, hostId, expiresAt }: LeaseContent): string {
  const own: JsonObject = {
    ...(hostId === undefined ? {} : { HostID: hostId }),
    ...(expiresAt === undefined ? {} : { Expires: new Date(expiresAt).toISOString() }),
  };
  return formatLeaseValue(attributes, own);
}

/** Reads the text of a lease's file, as flannel reads its value, with our own members. */
export function decodeLease(text: string): LeaseContent | { readonly problem: string } {
  const reading = parseLeaseValue(text);
  if ('problem' in reading) return reading;
  const hostId = reading.others.get('hostid') ?? undefined;
  if (hostId !== undefined && !isHostId(hostId)) return { problem: 'HostID is no usable name' };
  const expiresAt = expiry(reading.others.get('expires') ?? undefined);
  if (Number.isNaN(expiresAt)) return { problem: 'Expires is no point in time such as 2026-01-31T12:00:00.000Z' };
  return {
    attributes: reading.attributes,
    ...(hostId !== undefined && { hostId }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

/** Milliseconds since the Unix epoch; NaN for what is no point in time. */
function expiry(value: JsonValue | undefined): number | undefined {
  if (value === undefined) return undefined;
  return typeof value === 'string' ? Date.parse(value) : NaN;
}
