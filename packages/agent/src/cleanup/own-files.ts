import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@overlay/core';
import { FileRecord } from '../files/file-record.js';
import type { RunPaths } from '../run-directory/run-paths.js';
import type { StatePaths } from '../state-directory/state-paths.js';
import type { Item } from './steps.js';

export interface OwnFilesOptions {
  readonly run: RunPaths;
  readonly state: StatePaths;
  readonly subnetFile: string;
  /** flanneld goes on with subnet.env; and who this host is does not change by that. */
  readonly forFlanneld: boolean;
}

/** The files of an agent that are there, and what has to be told about others. */
export interface OwnFiles {
  readonly files: readonly string[];
  readonly notes: readonly string[];
}

/** Finds the files of an agent. Throws system errors. */
export function findOwnFiles({ run, state, subnetFile, forFlanneld }: OwnFilesOptions): OwnFiles {
  const notes: string[] = [];
  const files: string[] = [];
  const written = new FileRecord(run.subnetFileRecord).current();
  if (!forFlanneld) {
    if (written !== undefined) files.push(written);
    if (written !== subnetFile && existsSync(subnetFile)) {
      notes.push(`${subnetFile} is left: it is not the one that this instance wrote`);
    }
  }
  for (const path of [run.subnetFileRecord, run.socket]) if (existsSync(path)) files.push(path);
  for (const path of below(state.folder)) if (!forFlanneld || path !== state.hostId) files.push(path);
  return { files, notes };
}

/** Removes files, and folders that are empty then. Throws system errors of removing files. */
export function removeOwnFiles(files: readonly string[], folders: readonly string[]): void {
  for (const path of files) rmSync(path, { force: true });
  for (const folder of folders) {
    try {
      rmdirSync(folder);
    } catch {
      // Another instance's files are in it, it is mounted, or it is not there: an empty folder harms nobody.
    }
  }
}

/** A file as an item. */
export function fileItem(path: string): Item {
  return { kind: 'file', text: `file ${path}` };
}

function below(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
