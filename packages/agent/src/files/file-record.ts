import { readFileSync, rmSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { errorCode } from '@overlay/core';
import { replaceFile } from './replace-file.js';

const MODE = 0o644;

/** A file as it was written, so that another one in its place is known for another one. */
interface WrittenFile {
  readonly path: string;
  readonly inode: number;
  /** Milliseconds since the Unix epoch, with fractions. */
  readonly modifiedAt: number;
}

/**
 * Remembers which file this program wrote, beside the file: flanneld writes the same text to the same path, and what it
 * wrote is not ours to remove.
 */
export class FileRecord {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Notes that a file has just been written. Throws system errors. */
  note(file: string): void {
    const { ino, mtimeMs } = statSync(file);
    const written: WrittenFile = { path: resolve(file), inode: ino, modifiedAt: mtimeMs };
    replaceFile(this.path, { text: `${JSON.stringify(written)}\n`, mode: MODE });
  }

  /** The file that was noted last, if it is still the one that was written. */
  current(): string | undefined {
    const written = this.#read();
    if (written === undefined) return undefined;
    const found = statSync(written.path, { throwIfNoEntry: false });
    return found?.ino === written.inode && found.mtimeMs === written.modifiedAt ? written.path : undefined;
  }

  /** Whether anything has been noted. */
  exists(): boolean {
    return statSync(this.path, { throwIfNoEntry: false }) !== undefined;
  }

  forget(): void {
    rmSync(this.path, { force: true });
  }

  #read(): WrittenFile | undefined {
    let value: unknown;
    try {
      value = JSON.parse(readFileSync(this.path, 'utf8'));
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
      throw error;
    }
    if (typeof value !== 'object' || value === null) return undefined;
    const { path, inode, modifiedAt } = value as Partial<Record<keyof WrittenFile, unknown>>;
    if (typeof path !== 'string' || typeof inode !== 'number' || typeof modifiedAt !== 'number') return undefined;
    return { path, inode, modifiedAt };
  }
}
