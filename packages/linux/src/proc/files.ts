import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { errorCode } from '@overlay/core';

/** Reads and writes the kernel's files under /proc, whose content depends on the network namespace. */
export interface ProcFiles {
  /** The content; undefined if there is no such file. Other failures are thrown as they came. */
  read(path: string): Promise<string | undefined>;
  /** Writes the text in one go, as sysctl files want it. */
  write(path: string, text: string): Promise<void>;
}

/** The files of the network namespace that this process runs in. */
export const ownProcFiles: ProcFiles = {
  async read(path) {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  },
  async write(path, text) {
    // Never O_CREAT: in /proc that would turn "there is no such setting" into "not permitted".
    const file = await open(path, constants.O_WRONLY);
    try {
      await file.write(text);
    } finally {
      await file.close();
    }
  },
};

/** True if an error says that a file does not exist. A sysctl of a device that has just gone gives ENODEV. */
export function isMissing(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENODEV';
}
