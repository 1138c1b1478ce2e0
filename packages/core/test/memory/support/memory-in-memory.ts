import type { MemoryFile } from '@overlay/core/memory';

/** A file that is none. */
export class MemoryInMemory implements MemoryFile {
  readonly name = 'memory';
  text: string | undefined;
  reads = 0;
  replaced = 0;
  appended = 0;
  /** Thrown by the next writes, until it is taken away. */
  trouble: Error | undefined;

  constructor(text?: string) {
    this.text = text;
  }

  async size(): Promise<number | undefined> {
    return this.text?.length;
  }

  async read(): Promise<string | undefined> {
    this.reads++;
    return this.text;
  }

  async replace(parts: Iterable<string>): Promise<void> {
    if (this.trouble) throw this.trouble;
    this.replaced++;
    this.text = [...parts].join('');
  }

  async append(parts: Iterable<string>): Promise<void> {
    if (this.trouble) throw this.trouble;
    this.appended++;
    this.text = (this.text ?? '') + [...parts].join('');
  }
}
