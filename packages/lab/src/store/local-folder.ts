import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LabStore } from './lab-store.js';

/** Leases as files in a folder, and the configuration in a file. */
export class LocalFolder implements LabStore {
  readonly name = 'local';
  readonly #leases: string;
  readonly #netConf: string;

  /**
   * @param directory the lab's.
   * @param leases the folder, made if it is not there. Default: one of the lab's own.
   */
  constructor(directory: string, netConf: string, leases = path.join(directory, 'store')) {
    this.#leases = path.resolve(leases);
    this.#netConf = path.join(directory, 'net-conf.json');
    mkdirSync(this.#leases, { recursive: true });
    writeFileSync(this.#netConf, netConf);
  }

  agentArgs(): readonly string[] {
    return [`--local-store=${this.#leases}`, `--net-config-path=${this.#netConf}`];
  }
}
