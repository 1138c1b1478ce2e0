import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorCode } from '@overlay/core';

// Synchronous on purpose: these files are a few lines long and lie on local disks, and the start waits for them. Each
// asynchronous step would wait for its turn behind everything else that the start has under way.

const DIRECTORY_MODE = 0o755;

interface Content {
  readonly text: string;
  /** The file's mode, exactly this whatever the process's umask. */
  readonly mode: number;
  /** Whether the old or the new text has to be there, whole, also after a power cut. */
  readonly durable?: boolean;
}

/**
 * Puts a file in the place of what is there: a reader sees the old or the new text, nothing between. The directory is
 * made if it is missing.
 */
export function replaceFile(path: string, content: Content): void {
  const temporary = writeBeside(path, { ...content, sync: content.durable === true });
  try {
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Makes a file where there is none, for good: it is whole also after a power cut. The directory is made if it is missing.
 * Throws an error with the code `EEXIST` where there is one already.
 */
export function createFile(path: string, content: Content): void {
  const temporary = writeBeside(path, { ...content, sync: true });
  try {
    linkSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Writes a file of another name in the same directory; gives its path. */
function writeBeside(path: string, content: Content & { readonly sync: boolean }): string {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  const file = openNew(temporary);
  try {
    writeFileSync(file, content.text);
    fchmodSync(file, content.mode);
    if (content.sync) fsyncSync(file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  return temporary;
}

function openNew(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    makeDirectory(dirname(path));
    return openSync(path, 'wx', 0o600);
  }
}

/**
 * Makes a directory and those above it, beside others that make the same ones. Not by `recursive`: Node tries for ever
 * where a file system answers ENOENT, as those of the kernel do.
 */
export function makeDirectory(path: string): void {
  const above = dirname(path);
  try {
    makeOne(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || above === path) throw error;
    // What is above may have come between, by another process; where it was there all along, the second try says why not.
    if (!existsSync(above)) makeDirectory(above);
    makeOne(path);
  }
}

function makeOne(path: string): void {
  try {
    mkdirSync(path, { mode: DIRECTORY_MODE });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}
