import { errorText } from '../errors.js';
import type { NetConf } from '../net-conf/index.js';
import { formatNetConf, parseNetConf } from '../net-conf/index.js';
import type { ChangeLog } from './change-log.js';
import type { StateFile } from './options.js';
import type { RetryPorts } from './retry.js';
import { retry } from './retry.js';

const VERSION = 1;
/** Two are in effect at most. */
const MOST = 2;

/** The text that remembers the configurations in effect, the newest first. */
export function formatRecord(configurations: readonly NetConf[]): string {
  const texts = configurations.map((netConf) => JSON.parse(formatNetConf(netConf)) as unknown);
  return `${JSON.stringify({ version: VERSION, configurations: texts })}\n`;
}

/** What such a text says; or in one line why nothing can be made of it. */
export function parseRecord(
  text: string,
): { readonly configurations: readonly NetConf[] } | { readonly problem: string } {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== 'object' || json === null) return { problem: 'expected an object' };
    const { version, configurations } = json as Readonly<Record<string, unknown>>;
    if (version !== VERSION) return { problem: `expected version ${VERSION}` };
    if (!Array.isArray(configurations) || configurations.length === 0 || configurations.length > MOST) {
      return { problem: `expected one or two configurations` };
    }
    return { configurations: configurations.map((conf) => parseNetConf(JSON.stringify(conf), { source: 'record' })) };
  } catch (error) {
    return { problem: errorText(error) };
  }
}

/** What a {@link ConfigurationRecord} tells and whom. */
export interface RecordEvents extends RetryPorts {
  readonly log: ChangeLog;
  /** What keeps it from being written is another. */
  changed(): void;
}

/**
 * Remembers which configurations are in effect on this host, so that an agent that starts in the midst of a change, or
 * with another configuration, goes on from there.
 */
export class ConfigurationRecord {
  readonly #file: StateFile | undefined;
  readonly #events: RecordEvents;
  #text: string | undefined;
  #found: readonly NetConf[] = [];
  #problem: string | undefined;
  #underway: Promise<void> = Promise.resolve();

  constructor(file: StateFile | undefined, events: RecordEvents) {
    this.#file = file;
    this.#events = events;
  }

  /** Whether there is a place for it at all. */
  get kept(): boolean {
    return this.#file !== undefined;
  }

  /** The configurations that were in effect when the agent started, the newest first. */
  get found(): readonly NetConf[] {
    return this.#found;
  }

  /** What keeps it from being written. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Reads what there is. Never rejects: a record that cannot be used is none. */
  async read(signal: AbortSignal): Promise<void> {
    try {
      const text = await this.#file?.read({ signal });
      if (text === undefined) return;
      const reading = parseRecord(text);
      if ('problem' in reading) throw new Error(reading.problem);
      this.#text = text;
      this.#found = reading.configurations;
    } catch (error) {
      if (signal.aborted) return;
      const text = `the record of the configuration that this host had cannot be used and is ignored: ${errorText(error)}`;
      this.#events.log.warn('record', text);
    }
  }

  /** Resolves when these configurations are recorded, which is tried until it succeeds. Rejects when aborted. */
  async write(configurations: readonly NetConf[], signal: AbortSignal): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    const turn = this.#underway.then(() => this.#write(file, formatRecord(configurations), signal));
    this.#underway = turn.catch(() => undefined);
    await turn;
  }

  async #write(file: StateFile, text: string, signal: AbortSignal): Promise<void> {
    if (text === this.#text) return;
    this.#text = undefined;
    await retry(this.#events, {
      what: 'recording the configuration in effect',
      signal,
      attempt: () => file.write(text, { signal }),
      failed: (error) => this.#told(`recording the configuration in effect: ${errorText(error)}`),
    });
    this.#text = text;
    this.#told(undefined);
  }

  #told(problem: string | undefined): void {
    if (problem === undefined) this.#events.log.over('record', 'recorded the configuration in effect');
    else this.#events.log.warn('record', problem);
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#events.changed();
  }
}
