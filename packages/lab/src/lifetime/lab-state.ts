import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { errorCode, OverlayError } from '@overlay/core';
import { processStartTime } from '../system/processes.js';

/** Where labs are recorded unless the caller says otherwise: gone after a reboot, as the namespaces are. */
export const DEFAULT_RUN_DIRECTORY = '/run/overlay-lab';

/** What is on record about a lab, written before anything of it is made. */
export interface LabState {
  readonly id: string;
  /** The process that owns it. */
  readonly pid: number;
  /** The owner's `processStartTime`. */
  readonly startTime: string;
  /** True when the owner has left it running on purpose. */
  readonly kept: boolean;
}

/** The folder of a lab's files: `RUN/<id>`. */
export function labDirectory(runDirectory: string, id: string): string {
  return path.join(runDirectory, id);
}

function stateFile(runDirectory: string, id: string): string {
  return path.join(runDirectory, `${id}.json`);
}

/**
 * Puts a new lab of this process on record and makes its folder.
 *
 * @throws OverlayError `OVERLAY_LAB_EXISTS` when there is one of that id.
 */
export function recordLab(runDirectory: string, id: string): LabState {
  const state: LabState = { id, pid: process.pid, startTime: processStartTime(process.pid) ?? '', kept: false };
  mkdirSync(runDirectory, { recursive: true });
  const file = stateFile(runDirectory, id);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(state)}\n`);
  try {
    // The record appears whole: somebody who cleans up would take an empty one for a dead lab's.
    linkSync(draft, file);
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw cause;
    throw new OverlayError('OVERLAY_LAB_EXISTS', `lab: there is a lab ${id} already: choose another name`, { cause });
  } finally {
    rmSync(draft, { force: true });
  }
  mkdirSync(labDirectory(runDirectory, id), { recursive: true });
  return state;
}

/** Records that a lab is to outlive its owner. */
export function recordKept(runDirectory: string, state: LabState): LabState {
  const kept: LabState = { ...state, kept: true };
  const file = stateFile(runDirectory, state.id);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(kept)}\n`);
  renameSync(draft, file);
  return kept;
}

/** Removes a lab's files and then its record. */
export function removeRecord(runDirectory: string, id: string): void {
  rmSync(labDirectory(runDirectory, id), { recursive: true, force: true });
  rmSync(stateFile(runDirectory, id), { force: true });
}

function parseState(id: string, text: string): LabState | undefined {
  try {
    const read = JSON.parse(text) as Partial<LabState>;
    if (read.id !== id || typeof read.pid !== 'number' || typeof read.startTime !== 'string') return undefined;
    return { id, pid: read.pid, startTime: read.startTime, kept: read.kept === true };
  } catch {
    return undefined;
  }
}

/** The labs on record. A record that cannot be read, cut off by a crash, counts as one whose owner is dead. */
export function recordedLabs(runDirectory: string): LabState[] {
  let names: string[];
  try {
    names = readdirSync(runDirectory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => /^[a-z0-9][a-z0-9-]*\.json$/.test(name))
    .flatMap((name): LabState[] => {
      const id = name.slice(0, -'.json'.length);
      try {
        const text = readFileSync(path.join(runDirectory, name), 'utf8');
        return [parseState(id, text) ?? { id, pid: 0, startTime: '', kept: false }];
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return [];
        throw error;
      }
    });
}

/** Whether the process that made a lab is still running. */
export function ownerIsAlive(state: LabState): boolean {
  return state.pid > 0 && processStartTime(state.pid) === state.startTime;
}
