import { lstatSync } from 'node:fs';
import type { LeaseDirectory } from './lease-directory.js';
import { isExpired } from './lease-record.js';
import { finishRemoval } from './remove.js';
import { isTemporaryName, parseClaimName, parseGoneName } from './work-names.js';

/** Milliseconds after which a claim or a removal counts as abandoned. Both take a few milliseconds. */
const ABANDONED_MS = 5_000;
/** Milliseconds after which a temporary file counts as abandoned: a busy disk can let fsync take long. */
const TEMPORARY_MS = 60_000;

/**
 * Cleans up after processes that were killed, among the given names. Safe at any time: whoever was only slow finds his
 * file gone and starts afresh. What cannot be removed is left for the next time.
 *
 * @param now the time by which leases expire; the age of files is that of the machine's clock
 */
export function clearLeftovers(directory: LeaseDirectory, names: Iterable<string>, now: number): void {
  for (const name of names) {
    if (!name.startsWith('.')) continue;
    const gone = parseGoneName(name);
    if (gone !== undefined) {
      clearGone(directory, name, gone.lease, now);
    } else if (isTemporaryName(name)) {
      if (isOlder(directory.file(name), TEMPORARY_MS)) directory.discard(name);
    } else if (parseClaimName(name) !== undefined && isOlder(directory.file(name), ABANDONED_MS)) {
      directory.discard(name);
    }
  }
}

function clearGone(directory: LeaseDirectory, name: string, lease: string, now: number): void {
  const reading = directory.read(name, undefined, lease);
  // A lease that has ended can be finished off by anybody. About others their remover may know more.
  const over = reading.kind === 'lease' && isExpired(reading.record, now);
  if (!over && !isOlder(directory.file(name), ABANDONED_MS)) return;
  try {
    finishRemoval(directory, name, lease, (record) => isExpired(record, now));
  } catch {
    // A read-only or full file system: the file stays, and counts as in use, until this can be done.
  }
}

function isOlder(path: string, ms: number): boolean {
  try {
    // The change time moves with each rename and cannot be set; after a leap of the clock the distance counts.
    return Math.abs(Date.now() - lstatSync(path).ctimeMs) > ms;
  } catch {
    return false;
  }
}
