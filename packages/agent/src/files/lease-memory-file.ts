import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode } from '@overlay/core';
import type { MemoryFile } from '@overlay/core/memory';
import { makeDirectory } from './replace-file.js';

/** The configuration in it may hold secrets. */
const MODE = 0o600;
/** Several times what 65,536 hosts need; more has not been written by us. */
const LARGEST = 256 * 1024 * 1024;

interface Aborting {
  readonly signal: AbortSignal;
}

/** What is remembered of the store: a file below the state directory. Not synchronous, since it may be long. */
export class LeaseMemoryFile implements MemoryFile {
  readonly name: string;

  constructor(path: string) {
    this.name = path;
  }

  async size(): Promise<number | undefined> {
    try {
      return (await stat(this.name)).size;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async read({ signal }: Aborting): Promise<string | undefined> {
    const size = await this.size();
    if (size === undefined) return undefined;
    if (size > LARGEST) throw new Error(`it has ${size} bytes, more than could be ours`);
    return readFile(this.name, { encoding: 'utf8', signal });
  }

  async replace(parts: Iterable<string>, { signal }: Aborting): Promise<void> {
    const temporary = join(dirname(this.name), `.${basename(this.name)}.${randomBytes(6).toString('hex')}`);
    makeDirectory(dirname(this.name));
    try {
      await withFile(await open(temporary, 'wx', MODE), async (file) => {
        for (const part of parts) {
          signal.throwIfAborted();
          await file.appendFile(part);
        }
        await file.sync();
      });
      signal.throwIfAborted();
      await rename(temporary, this.name);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  async append(parts: Iterable<string>, { signal }: Aborting): Promise<void> {
    // What is not there any more is written anew as a whole: `r+` makes no file.
    await withFile(await open(this.name, 'r+'), async (file) => {
      let { size } = await file.stat();
      for (const part of parts) {
        signal.throwIfAborted();
        size += (await file.write(part, size)).bytesWritten;
      }
      await file.datasync();
    });
  }
}

async function withFile(file: FileHandle, work: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await work(file);
  } finally {
    await file.close();
  }
}
