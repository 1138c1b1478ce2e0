import { linkSync, renameSync } from 'node:fs';
import { errorCode } from '@overlay/core';
import type { LeaseDirectory } from './lease-directory.js';
import type { LeaseRecord } from './lease-record.js';
import { goneName } from './work-names.js';

/**
 * Removes a lease's file if what is in it may go, and tells whether it did.
 *
 * The file is first given another name and then looked at: what was written in the meantime (a renewal) is then seen,
 * and the file put back. Nothing that was not looked at is ever removed.
 *
 * @throws system errors of renaming
 */
export function removeIf(
  directory: LeaseDirectory,
  lease: string,
  ticket: string,
  mayGo: (record: LeaseRecord) => boolean,
): boolean {
  const gone = goneName(ticket, lease);
  try {
    renameSync(directory.file(lease), directory.file(gone));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
  return finishRemoval(directory, gone, lease, mayGo);
}

/** The second half of {@link removeIf}, also for a file whose remover was killed in the middle. */
export function finishRemoval(
  directory: LeaseDirectory,
  gone: string,
  lease: string,
  mayGo: (record: LeaseRecord) => boolean,
): boolean {
  const reading = directory.read(gone, undefined, lease);
  const goes = reading.kind === 'lease' && mayGo(reading.record);
  if (!goes && reading.kind !== 'absent') {
    try {
      linkSync(directory.file(gone), directory.file(lease));
    } catch (error) {
      const code = errorCode(error);
      // Somebody has put it back or taken the name: either way this one has no place left.
      if (code !== 'EEXIST' && code !== 'ENOENT') throw error;
    }
  }
  directory.discard(gone);
  return goes;
}
