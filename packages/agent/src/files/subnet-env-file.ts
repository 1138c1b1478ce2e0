import { readFile } from 'node:fs/promises';
import type { Logger, SubnetEnv, SubnetEnvReading, SubnetFile } from '@overlay/core';
import { errorCode, errorText, formatSubnetEnv, OverlayError, parseSubnetEnv, throwIfAborted } from '@overlay/core';
import type { FileRecord } from './file-record.js';
import { replaceFile } from './replace-file.js';

/** Everybody may read it: CNI plugins and container runtimes do. */
const MODE = 0o644;

export interface SubnetEnvFileOptions {
  readonly path: string;
  readonly logger: Logger;
  /** Where it is noted that the file is ours. */
  readonly record?: FileRecord;
}

/** flannel's `subnet.env` on disk. */
export class SubnetEnvFile implements SubnetFile {
  readonly #options: SubnetEnvFileOptions;

  constructor(options: SubnetEnvFileOptions) {
    this.#options = options;
  }

  async read({ signal }: { readonly signal: AbortSignal }): Promise<SubnetEnvReading | undefined> {
    const { path, logger } = this.#options;
    let text: string;
    try {
      text = await readFile(path, { encoding: 'utf8', signal });
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw new OverlayError('OVERLAY_SUBNET_FILE', `reading ${path}: ${errorText(error)}`, { cause: error });
    }
    const reading = parseSubnetEnv(text);
    for (const problem of reading.problems) logger.warn(`${path}: ${problem}`);
    return reading;
  }

  /** @throws OverlayError `OVERLAY_SUBNET_FILE`, `OVERLAY_ABORTED`. */
  async write(content: SubnetEnv, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { path, logger, record } = this.#options;
    throwIfAborted(`writing ${path}`, signal);
    try {
      replaceFile(path, { text: formatSubnetEnv(content), mode: MODE });
    } catch (error) {
      throw new OverlayError(
        'OVERLAY_SUBNET_FILE',
        `cannot write ${path}: ${errorText(error)}; make the directory writable or choose another with --subnet-file`,
        { cause: error, key: '--subnet-file' },
      );
    }
    try {
      record?.note(path);
    } catch (error) {
      logger.warn(
        `cannot note in ${record?.path} that ${path} is ours, so \`overlay cleanup\` will leave it: ${errorText(error)}`,
      );
    }
    logger.info(`Wrote subnet file to ${path}`);
  }
}
