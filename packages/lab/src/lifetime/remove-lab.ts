import { readdirSync } from 'node:fs';
import { errorCode, OverlayError } from '@overlay/core';
import { labPrefix } from '../plan/topology.js';
import { deleteNetns, NETNS_DIRECTORY, netnsInode } from '../system/netns.js';
import { endProcessesInNetns } from '../system/processes.js';
import type { LabState } from './lab-state.js';
import { podNamespaces, removeTraces, unmountBelow } from './containers.js';
import { DEFAULT_RUN_DIRECTORY, labDirectory, ownerIsAlive, recordedLabs, removeRecord } from './lab-state.js';

/** How long the processes of a lab have to end after SIGTERM, in milliseconds; an agent of ours takes at most 1000. */
const GRACE_MS = 1500;

function namespacesOf(id: string): string[] {
  const prefix = `${labPrefix(id)}-`;
  try {
    // An id may begin like another one's (`a` and `a-h1`), so the rest has to be a name that a lab gives.
    return readdirSync(NETNS_DIRECTORY).filter(
      (name) => name.startsWith(prefix) && /^(router|server|h\d+(p\d+)?)$/.test(name.slice(prefix.length)),
    );
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Removes everything of a lab: its processes, its namespaces with all their links and routes, its files, its record.
 * What is gone already is no error, so that it can be repeated.
 *
 * @throws OverlayError `OVERLAY_LAB_REMOVE` when something is left; the record stays then.
 */
export async function removeLab(runDirectory: string, id: string): Promise<void> {
  const namespaces = namespacesOf(id);
  const pods = await podNamespaces(namespaces);
  const inodesOf = (names: readonly string[]): Set<number> =>
    new Set(names.map(netnsInode).filter((inode) => inode !== undefined));
  // Kubelets first: they would start containers again.
  const left = [
    ...(await endProcessesInNetns(inodesOf(namespaces), GRACE_MS)),
    ...(await endProcessesInNetns(inodesOf(pods), 0)),
  ];
  if (left.length > 0) {
    throw new OverlayError('OVERLAY_LAB_REMOVE', `lab: remove ${id}: process ${left.join(', ')} does not end`);
  }
  try {
    const folder = labDirectory(runDirectory, id);
    removeTraces(folder);
    await unmountBelow(folder);
    await deleteNetns([...namespaces, ...pods]);
  } catch (cause) {
    throw new OverlayError('OVERLAY_LAB_REMOVE', `lab: remove ${id}: ${(cause as Error).message}`, { cause });
  }
  removeRecord(runDirectory, id);
}

/** Removes the labs whose owner ended without doing so (it was killed, or the machine's memory ran out). */
export async function removeDeadLabs(runDirectory: string = DEFAULT_RUN_DIRECTORY): Promise<readonly string[]> {
  const dead = recordedLabs(runDirectory).filter((state) => !state.kept && !ownerIsAlive(state));
  for (const { id } of dead) await removeLab(runDirectory, id);
  return dead.map(({ id }) => id);
}

/** What {@link removeLabs} did. */
export interface RemovedLabs {
  readonly removed: readonly string[];
  /** Labs that a running process still owns; they are left alone, since they end with it. */
  readonly running: readonly LabState[];
}

/** Removes the labs that were kept and those whose owner is dead: what `overlay lab down` does. */
export async function removeLabs(runDirectory: string = DEFAULT_RUN_DIRECTORY): Promise<RemovedLabs> {
  const labs = recordedLabs(runDirectory);
  const running = labs.filter((state) => !state.kept && ownerIsAlive(state));
  const removed = labs.filter((state) => !running.includes(state));
  for (const { id } of removed) await removeLab(runDirectory, id);
  return { removed: removed.map(({ id }) => id), running };
}
