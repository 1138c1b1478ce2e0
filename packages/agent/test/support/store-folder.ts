import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The leases of a store as text by file name. */
export type StoreContent = ReadonlyMap<string, string>;

/** Every lease of a store's folder. Names with a dot first are work in progress of whoever writes there. */
export function readStore(folder: string): StoreContent {
  const names = readdirSync(folder).filter((name) => !name.startsWith('.'));
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

/** Removes every lease. */
export function emptyStore(folder: string): void {
  for (const name of readStore(folder).keys()) rmSync(join(folder, name));
}

/** Puts a folder with this content in the place of the store's, as somebody does who restores a backup. */
export function replaceStore(folder: string, content: StoreContent): void {
  const next = `${folder}.next`;
  mkdirSync(next);
  for (const [name, text] of content) writeFileSync(join(next, name), text);
  // An agent may be so quick as to make the folder again, with its lease in it, between the two steps.
  for (let number = 1; ; number += 1) {
    renameSync(folder, `${folder}.old${number}`);
    try {
      renameSync(next, folder);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY' || number === 10) throw error;
    }
  }
}
