import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for one test, with everything in it removed at its end. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'ovt-agent-'));

  /** A path below it. */
  at(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
