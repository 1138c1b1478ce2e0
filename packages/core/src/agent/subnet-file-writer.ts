import { errorText } from '../errors.js';
import type { SubnetEnv } from '../subnet-env.js';
import { formatSubnetEnv } from '../subnet-env.js';
import type { ChangeLog } from './change-log.js';
import { LatestWrite } from './latest-write.js';
import type { SubnetFile } from './options.js';
import type { RetryPorts } from './retry.js';

/** What a {@link SubnetFileWriter} tells and whom. */
export interface SubnetFileWriterEvents {
  readonly log: ChangeLog;
  /** The file was written, or what keeps it from being written is another. */
  changed(): void;
}

/** Keeps `subnet.env` as it should be. A newer content takes the place of one that could not be written yet. */
export class SubnetFileWriter {
  readonly #writer: LatestWrite<SubnetEnv>;
  readonly #events: SubnetFileWriterEvents;
  #wanted = '';
  #written: SubnetEnv | undefined;
  #problem: string | undefined;

  constructor(file: SubnetFile, ports: RetryPorts, events: SubnetFileWriterEvents) {
    this.#events = events;
    this.#writer = new LatestWrite(ports, {
      what: 'writing subnet.env',
      write: (content, options) => file.write(content, options),
      wrote: (content) => this.#wrote(content),
      failed: (error) => this.#failed(error),
    });
  }

  /** What was written last. */
  get written(): SubnetEnv | undefined {
    return this.#written;
  }

  /** Why the file is not as it should be. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Writes the content unless it is the one last asked for. */
  want(content: SubnetEnv): void {
    const text = formatSubnetEnv(content);
    if (text === this.#wanted) return;
    this.#wanted = text;
    this.#writer.write(content);
  }

  close(): void {
    this.#writer.stop();
  }

  #wrote(content: SubnetEnv): void {
    this.#written = content;
    this.#problem = undefined;
    const text = formatSubnetEnv(content).trimEnd().replaceAll('\n', ' ');
    this.#events.log.info('subnet-env', `wrote subnet.env: ${text}`);
    this.#events.changed();
  }

  #failed(error: unknown): void {
    const text = `writing subnet.env: ${errorText(error)}`;
    this.#events.log.error('subnet-env', text);
    if (text === this.#problem) return;
    this.#problem = text;
    this.#events.changed();
  }
}
