import type { Linux } from '@overlay/linux';
import type { DataPath } from './data-path.js';

/** A data path that is loaded when it is asked for: most hosts have another backend. */
export interface PathSource {
  readonly name: DataPath['name'];
  /** The same one each time: it is shared by all networks of a {@link Linux}. */
  load(): Promise<DataPath>;
}

/** The data paths in the order in which they are tried. */
export function pathSources(linux: Linux): readonly PathSource[] {
  return [
    source('kernel', async () => {
      const { kernelPath } = await import('./kernel/kernel-path.js');
      return kernelPath(linux);
    }),
    source('user', async () => {
      const { userPath } = await import('./user/index.js');
      return userPath(linux);
    }),
  ];
}

function source(name: DataPath['name'], make: () => Promise<DataPath>): PathSource {
  let path: Promise<DataPath> | undefined;
  return { name, load: () => (path ??= make()) };
}
