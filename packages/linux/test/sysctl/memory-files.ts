import type { ProcFiles } from '../../dist/proc/index.js';

/** Settings held in memory, with a list of what was written. */
export class MemoryFiles implements ProcFiles {
  readonly writes: string[] = [];
  readonly #values: Map<string, string>;
  readonly #refused: ReadonlySet<string>;

  constructor(values: Readonly<Record<string, string | number>>, refused: readonly string[] = []) {
    this.#values = new Map(Object.entries(values).map(([key, value]) => [`/proc/sys/${key}`, `${value}\n`]));
    this.#refused = new Set(refused.map((key) => `/proc/sys/${key}`));
  }

  read(path: string): Promise<string | undefined> {
    return Promise.resolve(this.#values.get(path));
  }

  write(path: string, text: string): Promise<void> {
    if (this.#refused.has(path)) {
      return Promise.reject(Object.assign(new Error('EROFS: read-only file system, open'), { code: 'EROFS' }));
    }
    this.writes.push(`${path.slice('/proc/sys/'.length)}=${text}`);
    this.#values.set(path, `${text}\n`);
    return Promise.resolve();
  }
}
