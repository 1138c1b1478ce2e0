import { existsSync, readFileSync } from 'node:fs';
import { until } from '../support/until.js';

/** What an agent holds after a garbage collection, in bytes. */
export interface MemorySample {
  /** Everything that is resident, the pages of the program's file included. */
  readonly rss: number;
  /** Of that, what is no copy of a file. */
  readonly anonymous: number;
  readonly heapUsed: number;
  readonly external: number;
}

/** How much more there is at the end than after the warm-up, in megabytes (10^6 bytes). */
export type MemoryGrowth = Readonly<Record<keyof MemorySample, number>>;

/** The samples that an agent's memory probe has written. */
export class MemoryProbe {
  readonly #file: string;
  readonly #kill: () => void;

  /** @param kill sends the agent SIGUSR2 */
  constructor(file: string, kill: () => void) {
    this.#file = file;
    this.#kill = kill;
  }

  /** Takes one sample. */
  async take(): Promise<MemorySample> {
    const before = this.#samples().length;
    this.#kill();
    const taken = await until(() => this.#samples().at(before), 'the agent tells of its memory');
    return taken;
  }

  #samples(): MemorySample[] {
    if (!existsSync(this.#file)) return [];
    const text = readFileSync(this.#file, 'utf8');
    const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as MemorySample);
  }
}

/** Fewer samples have no trend that could be told from chance. */
const FEWEST = 10;

/**
 * The growth from the first sample to the last by the trend through all of them: the median of the slopes between any
 * two (Theil and Sen), so that neither a few outliers nor the moment of the last sample decide.
 *
 * @param samples those after the warm-up, taken at equal distances
 */
export function growth(samples: readonly MemorySample[]): MemoryGrowth {
  if (samples.length < FEWEST) throw new Error(`${samples.length} samples are too few to tell a growth`);
  const of = (member: keyof MemorySample): number => {
    const slopes: number[] = [];
    samples.forEach((later, j) => {
      for (let i = 0; i < j; i += 1) slopes.push((later[member] - samples[i][member]) / (j - i));
    });
    return (median(slopes) * (samples.length - 1)) / 1e6;
  };
  return { rss: of('rss'), anonymous: of('anonymous'), heapUsed: of('heapUsed'), external: of('external') };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
